import type { Migration } from '../migration.js';
import { predictionLog } from './0001-prediction-log.js';
import { driftStates } from './0002-drift-states.js';
import { labelStates } from './0003-labels.js';
import { monitorLedger } from './0004-monitors.js';

/** Every step that this program knows, in order. */
export const MIGRATIONS: readonly Migration[] = [predictionLog, driftStates, labelStates, monitorLedger];
