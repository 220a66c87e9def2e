import type { LiveModel } from "../../src/live/snapshot.ts";

/** What a state is called, and whether it is good news. */
export function wordFor({ state, upstream }: Pick<LiveModel, "state" | "upstream">): {
  readonly word: string;
  readonly kind: "good" | "warn" | "bad" | "plain";
} {
  switch (state) {
    case "ready":
      return upstream?.breaker === "trying" ? { word: "trying again", kind: "warn" } : { word: "ready", kind: "good" };
    case "loading":
      return { word: upstream === null ? "loading" : "not reached yet", kind: "warn" };
    case "restarting":
      return { word: upstream === null ? "restarting" : "kept away", kind: "bad" };
    case "failed":
      return { word: "failed", kind: "bad" };
    case "unloading":
      return { word: "unloading", kind: "plain" };
    case "unloaded":
      return { word: "on disk", kind: "plain" };
  }
}
