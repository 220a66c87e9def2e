import { expect, inject, test } from "vitest";
import { openTerminal } from "../fixtures/terminal.ts";

test("a chat in a terminal of 40 columns shows the real model's answer, its figures, and ends at Ctrl+D", async () => {
  const options = ["--url", inject("gatewayUrl"), "--temperature", "0", "--max-tokens", "16", "--no-history"];
  await using terminal = openTerminal([process.execPath, "src/main.ts", "chat", ...options], { columns: 40 });
  await terminal.until("\n> ");
  // A model this small may say anything.
  terminal.type("Why is the sky blue?\r");
  await terminal.until("\n> ");
  terminal.type("/stats\r");
  await terminal.until(/tokens of the last: \d+ in \(\d+ from\s+the cache\), [1-9]\d* out/);
  await terminal.until("\n> ");
  terminal.type("\u0004");
  expect(await terminal.ended).toBe(0);
});
