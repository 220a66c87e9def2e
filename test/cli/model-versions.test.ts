import { describe, expect, it } from "vitest";
import { listVersions } from "../../src/cli/model-versions.ts";
import { createTestApp, listenAsGateway, MODEL_ID } from "../http/support.ts";
import { fakeContext } from "./fake-context.ts";

describe("sluice models versions", () => {
  it("tells versions apart by their files and dates, and warns of one without a chat template", async () => {
    await using server = await listenAsGateway(createTestApp({}).app);
    const context = fakeContext();
    expect(await listVersions({ url: server.url }, context)).toBe(0);
    const lines = context.stdout.text().trimEnd().split("\n");
    expect(lines[2]).toMatch(/ new +2026-11\/a\.gguf +2026-11-22 08:30:00Z +loading +10 %$/);
    expect(lines[3]).toMatch(/ refused +\/elsewhere\/c\.gguf +2026-11-22 08:30:01Z *$/);
    expect(lines[4]).toBe(
      `Warning: the new version of ${MODEL_ID} has no chat template: ChatML is used for its chats.`,
    );
  });
});
