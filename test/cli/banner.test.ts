import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { formatBanner } from "../../src/cli/banner.ts";

const smol = { id: "smollm2-135m-instruct", slots: 4, contextTokens: 2048 };

describe("formatBanner", () => {
  it("names the address, and each model with its slots and context", () => {
    const banner = formatBanner("0.1.0", "http://127.0.0.1:8080", [
      smol,
      { id: "other", slots: 1, contextTokens: 512 },
    ]);
    expect(banner).toMatch(/^Sluice 0\.1\.0 listens on http:\/\/127\.0\.0\.1:8080\n/);
    expect(banner).toContain(
      "\n  smollm2-135m-instruct  4 slots of 2048 tokens\n  other                  1 slot of 512 tokens\n",
    );
  });

  it("shows what an embedding model makes, and uses one that writes in the example", () => {
    const reader = { ...smol, id: "bge", onlyReads: true } as const;
    const both = formatBanner("0.1.0", "http://127.0.0.1:8080", [reader, smol]);
    expect(both).toContain("\n  bge                    embeddings or scores\n");
    expect(both).toContain("/v1/chat/completions");
    expect(both).toContain('"model":"smollm2-135m-instruct"');
    const alone = formatBanner("0.1.0", "http://127.0.0.1:8080", [reader]);
    expect(alone).toContain("/v1/embeddings");
    expect(alone).toContain('"model":"bge"');
  });

  it.each([["smollm2-135m-instruct"], ['it\'s "mine" $HOME `id` \\ 100%']])(
    "has a curl line that is quoted correctly for a shell, for the model %s",
    (id) => {
      const banner = formatBanner("0.1.0", "http://127.0.0.1:8080", [{ ...smol, id }]);
      const command = banner.slice(banner.indexOf("curl "));
      // `curl` as a shell function that prints each of its words.
      const words = execFileSync("sh", ["-c", `curl() { for word; do printf '%s\\n' "$word"; done; }\n${command}`], {
        encoding: "utf8",
      })
        .trimEnd()
        .split("\n");
      expect(words.slice(0, -1)).toEqual([
        "-N",
        "http://127.0.0.1:8080/v1/chat/completions",
        "-H",
        "Content-Type: application/json",
        "-d",
      ]);
      expect(JSON.parse(words.at(-1) ?? "")).toMatchObject({ model: id, stream: true, messages: [{ role: "user" }] });
    },
  );

  it.each([
    ["http://0.0.0.0:8080", "http://127.0.0.1:8080/v1"],
    ["http://[::]:8080", "http://[::1]:8080/v1"],
    ["http://[::1]:8080", "http://[::1]:8080/v1"],
  ])("for %s calls %s, since nobody can call a wildcard", (url, called) => {
    expect(formatBanner("0.1.0", url, [smol])).toContain(` ${called}/`);
  });
});
