import { describe, expect, it } from "vitest";
import { answerName, answersLike, leaseName } from "../../../src/cache/second-level/names.ts";

const LABEL = { model: "hf:owner/repo*[Q4]?", scope: "tenant:a" };

function matches(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name);
}

describe("names in Redis", () => {
  it("of answers are found by their labels alone", () => {
    const name = answerName("key", LABEL);
    for (const which of [{}, { model: LABEL.model }, { scope: LABEL.scope }, LABEL])
      expect(matches(answersLike(which), name)).toBe(true);
    for (const which of [{ model: "other" }, { scope: "tenant:b" }, { model: LABEL.scope }, { ...LABEL, scope: "" }])
      expect(matches(answersLike(which), name)).toBe(false);
  });

  it("contain no pattern characters of the labels", () => {
    expect(answerName("key", LABEL)).toMatch(/^[\w:-]+$/);
  });

  it("of leases differ by the terms of waiting alone", () => {
    const terms = { tenant: "a", priority: "batch" } as const;
    const names = [terms, { ...terms, priority: "default" as const }, { ...terms, maxWaitMs: 5 }];
    expect(new Set(names.map((each) => leaseName("key", each))).size).toBe(3);
    expect(leaseName("key", { ...terms, tenant: "b" })).toBe(leaseName("key", terms));
  });
});
