/** What an expression works with: null is a value that is not there, and whatever is computed with it is not there either. */
export type Value = number | boolean | string | null;

/** Values by name: features, and fields of a request. */
export type Scope = Readonly<Record<string, Value>>;
