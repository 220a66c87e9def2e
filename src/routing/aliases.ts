/** A further name for a model. */
export type Alias = { readonly name: string; readonly model: string };

/** Aliases that can't be. */
export class AliasError extends Error {
  override readonly name = "AliasError";
}

type Named = { readonly id: string; readonly aliases: readonly string[] };

/**
 * Understands `NAME=MODEL`, where MODEL is the id of one of `models` or an alias that it brings. Throws an `AliasError` for a model that is
 * not there, and for a name that is a model's id or was given before: one of the two would never be asked.
 */
export function parseAliases(texts: readonly string[], models: readonly Named[]): readonly Alias[] {
  const taken = new Set(models.map(({ id }) => id.toLowerCase()));
  return texts.map((text) => {
    const [name, wanted] = [text.slice(0, text.indexOf("=")).trim(), text.slice(text.indexOf("=") + 1).trim()];
    const model = findNamed(wanted, models);
    if (model === undefined) {
      const ids = models.map(({ id }) => id).join(", ");
      throw new AliasError(`The alias '${name}' stands for '${wanted}', which is not served. Served: ${ids}.`);
    }
    if (taken.has(name.toLowerCase())) {
      throw new AliasError(`The alias '${name}' is a model's name already, or given twice. Take another name.`);
    }
    taken.add(name.toLowerCase());
    return { name, model: model.id };
  });
}

function findNamed(name: string, models: readonly Named[]): Named | undefined {
  const wanted = name.toLowerCase();
  return (
    models.find(({ id }) => id.toLowerCase() === wanted) ??
    models.find(({ aliases }) => aliases.some((alias) => alias.toLowerCase() === wanted))
  );
}
