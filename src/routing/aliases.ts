/** An additional name for a model. */
export type Alias = { readonly name: string; readonly model: string };

/** An invalid alias. */
export class AliasError extends Error {
  override readonly name = "AliasError";
}

type Named = { readonly id: string; readonly aliases: readonly string[] };

/**
 * Decodes `NAME=MODEL`, where MODEL is an id or an own alias of one of `models`. Throws `AliasError` for an unknown model, and for a name
 * that is a model's id or another alias, because one of the two could never be used.
 *
 * @param mayCome whether a model that is not there may be there later
 */
export function parseAliases(
  texts: readonly string[],
  models: readonly Named[],
  mayCome: (model: string) => boolean = () => false,
): readonly Alias[] {
  const taken = new Set(models.map(({ id }) => id.toLowerCase()));
  return texts.map((text) => {
    const [name, wanted] = [text.slice(0, text.indexOf("=")).trim(), text.slice(text.indexOf("=") + 1).trim()];
    const model = findNamed(wanted, models);
    if (model === undefined && !mayCome(wanted)) {
      const ids = models.map(({ id }) => id).join(", ");
      throw new AliasError(`The alias '${name}' refers to '${wanted}', which is not served. Served models: ${ids}.`);
    }
    if (taken.has(name.toLowerCase())) {
      throw new AliasError(
        `The alias '${name}' is already the name of a model, or is given twice. Choose another name.`,
      );
    }
    taken.add(name.toLowerCase());
    return { name, model: model?.id ?? wanted };
  });
}

function findNamed(name: string, models: readonly Named[]): Named | undefined {
  const wanted = name.toLowerCase();
  return (
    models.find(({ id }) => id.toLowerCase() === wanted) ??
    models.find(({ aliases }) => aliases.some((alias) => alias.toLowerCase() === wanted))
  );
}
