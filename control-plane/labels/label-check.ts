import type { ClickHouseClient } from '../../clickhouse/connection.js';
import { TidegateError } from '../../contract/error.js';
import { judge } from './judgement.js';
import type { Label } from './label.js';
import { Layouts } from './layout-cache.js';

/** Refuses labels of models that were never seen, and those that mean nothing to their model. A label without a model waits for its request. */
export function labelCheck(client: ClickHouseClient, database: string): (label: Label) => Promise<void> {
  const layouts = new Layouts(client, database);
  return async (label) => {
    if (label.model === '') return;
    const [newest] = await layouts.of(label.model);
    const judgement = judge(label, newest, '');
    if (typeof judgement === 'string') {
      throw new TidegateError('INVALID_VALUE', `${judgement} (model '${label.model}', version ${newest.version})`);
    }
  };
}
