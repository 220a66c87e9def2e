import { formatBytes } from "../frame/format.ts";
import type { LibraryModel } from "./library.ts";

/** Whether a model fits, and why not. */
export function fitFor({ fits, lacking_bytes: lacking, fits_on_disk: fitsOnDisk, size_bytes: size }: LibraryModel): {
  readonly word: string;
  readonly why: string;
  readonly kind: "good" | "warn" | "bad" | "plain";
} {
  if (!fitsOnDisk)
    return {
      word: "doesn't fit",
      why: `its file of ${formatBytes(size ?? undefined)} is larger than what is free on the disk`,
      kind: "bad",
    };
  switch (fits) {
    case "now":
      return { word: "fits", why: "", kind: "good" };
    case "in_place_of_others":
      return { word: "fits in place of others", why: `${formatBytes(lacking)} must be freed first`, kind: "warn" };
    case "no":
      return { word: "doesn't fit", why: `${formatBytes(lacking)} of memory are missing`, kind: "bad" };
    case null:
      return { word: "may fit", why: "its file doesn't say what it needs", kind: "plain" };
  }
}
