import { join, resolve } from 'node:path';
import type { Config } from './settings.js';

/** Where `tidegate setup` lays out the libraries of devices and of other kinds of models, and where nodes look for them. */
export function backendsFolder({ backends_dir, data_dir }: Pick<Config, 'backends_dir' | 'data_dir'>): string {
  return resolve(backends_dir === '' ? join(data_dir, 'backends') : backends_dir);
}
