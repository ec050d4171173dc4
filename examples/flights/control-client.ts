import { z } from 'zod';

/** A flight that has landed. */
export interface Landing {
  readonly request_id: string;
  readonly label: 'late' | 'on_time';
}

const ReferencesSchema = z.object({ items: z.array(z.unknown()) });

/** What the season asks of the control plane. A control plane that is not there at the moment is asked again later. */
export class ControlClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/+$/, '');
  }

  /** undefined: it cannot be known now. */
  async hasReference(model: string): Promise<boolean | undefined> {
    const answer = await this.#send('GET', `/v1/models/${model}/references`);
    if (answer === undefined) return undefined;
    return ReferencesSchema.parse(answer).items.length > 0;
  }

  /** Freezes what was scored between two moments as the reference of drift. Whether that was done. */
  async freeze(model: string, from: Date, to: Date): Promise<boolean> {
    const window = { from: from.toISOString(), to: to.toISOString() };
    return (await this.#post(`/v1/models/${model}/references`, { window })) !== undefined;
  }

  /** Sends what became of flights, by the ids of their requests. Whether they were taken. */
  async label(landings: readonly Landing[]): Promise<boolean> {
    return (await this.#post('/v1/labels?model=flights&source=landings', landings)) !== undefined;
  }

  #post(path: string, body: unknown): Promise<unknown> {
    return this.#send('POST', path, JSON.stringify(body));
  }

  /** The answer, or undefined where there is none, or it is a refusal. */
  async #send(method: string, path: string, body?: string): Promise<unknown> {
    try {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(this.#url + path, { method, headers, ...(body === undefined ? {} : { body }) });
      const text = await response.text();
      return response.ok ? JSON.parse(text === '' ? '{}' : text) : undefined;
    } catch {
      return undefined;
    }
  }
}
