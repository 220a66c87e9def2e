import type { HeldValue } from "./values.ts";

/** The first line of a stream is a template, and a wrong one. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** Each item's request holds it anew: more text than fits into most models' contexts, or a picture or two. */
const MAX_LENGTH = 1024 * 1024;

/** The fields of all requests. */
export type Template = {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The characters of its JSON. */
  readonly length: number;
};

/**
 * Takes a template from the first line, if it is one: an object with nothing but `template`. All other lines are items.
 * Throws `TemplateError` for a template that is no object, or too long.
 */
export async function* takeTemplate<End>(
  values: AsyncGenerator<HeldValue, End>,
  take: (template: Template) => void,
): AsyncGenerator<HeldValue, End> {
  let isFirst = true;
  try {
    for (;;) {
      const next = await values.next();
      if (next.done === true) return next.value;
      const template = isFirst ? templateIn(next.value) : undefined;
      isFirst = false;
      if (template === undefined) {
        yield next.value;
        continue;
      }
      next.value.leave();
      take(template);
    }
  } finally {
    void values.return(undefined as End).catch(() => {});
  }
}

function templateIn(read: HeldValue): Template | undefined {
  const value = "fault" in read ? undefined : read.value;
  if (typeof value !== "object" || value === null || !("template" in value)) return undefined;
  const { template: fields, ...others } = value;
  const fault = faultOf(fields, Object.keys(others)[0]);
  if (fault === undefined) {
    const length = JSON.stringify(fields).length;
    if (length <= MAX_LENGTH) return { fields: { ...Object(fields) }, length };
  }
  read.leave();
  throw new TemplateError(
    fault ??
      `'template' has more than ${MAX_LENGTH} characters, and each request would have them anew. Put what is long into the items, or use a preset.`,
  );
}

function faultOf(template: unknown, other: string | undefined): string | undefined {
  if (typeof template !== "object" || template === null || Array.isArray(template)) {
    return "'template' must be an object: the fields of all requests.";
  }
  if (other === undefined) return undefined;
  return `'${other.slice(0, 128)}' can't stand beside 'template': the first line is one or an item.`;
}
