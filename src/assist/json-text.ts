import { z } from "zod";

/** A text that is JSON, as what it stands for. */
export const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "it is no JSON" });
    return z.NEVER;
  }
});
