/**
 * Priority of the store, whose work can wait a little: on a machine whose cores are all taken, predictions are answered first and are in ClickHouse a moment later.
 */
export const BACKGROUND_PRIORITY = 10;
