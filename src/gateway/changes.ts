/** What differs between two lists of named things, by their names. */
export type Changes = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
};

/** Compares two lists by the names of their entries. Entries of one name that are not the same have changed. */
export function changesBetween<T>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (entry: T) => string,
  isSame: (a: T, b: T) => boolean = Object.is,
): Changes {
  const [old, now] = [byName(before, nameOf), byName(after, nameOf)];
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    changed: [...now].flatMap(([name, entry]) => {
      const earlier = old.get(name);
      return earlier === undefined || isSame(earlier, entry) ? [] : [name];
    }),
  };
}

function byName<T>(entries: readonly T[], nameOf: (entry: T) => string): ReadonlyMap<string, T> {
  return new Map(entries.map((entry) => [nameOf(entry), entry]));
}
