import { expect, inject, test } from "vitest";
import { openTerminal } from "../fixtures/terminal.ts";

const OPEN = "\u001b[?1049h";
/** The cursor and the screen as they were. */
const CLOSED = "\u001b[?25h\u001b[?1049l";

test("sluice top in a terminal of 40 columns shows the real gateway, follows its size, and gives the screen back at q", async () => {
  const words = [process.execPath, "src/main.ts", "top", "--url", inject("gatewayUrl")];
  await using terminal = openTerminal(words, { columns: 40, rows: 20 });
  await terminal.until("> SLOTS");
  await terminal.until("q quit, p pause");
  expect(terminal.raw()).toContain(OPEN);
  terminal.type("\t");
  await terminal.until("> QUEUE");
  terminal.type("p");
  await terminal.until("paused, up");
  terminal.resize(100, 30);
  await terminal.until("↑↓ scroll");
  terminal.type("q");
  expect(await terminal.ended).toBe(0);
  expect(terminal.raw().endsWith(CLOSED)).toBe(true);
});

test("sluice top gives the screen back at Ctrl+C", async () => {
  const words = [process.execPath, "src/main.ts", "top", "--url", inject("gatewayUrl")];
  await using terminal = openTerminal(words, { env: { NO_COLOR: "1" } });
  await terminal.until("q quit, p pause");
  terminal.type("\u0003");
  expect(await terminal.ended).toBe(130);
  expect(terminal.raw().endsWith(CLOSED)).toBe(true);
  expect(terminal.raw()).not.toContain("\u001b[1m");
});

test("sluice top gives the screen back at SIGTERM", async () => {
  const words = [
    "sh",
    "-c",
    `'${process.execPath}' src/main.ts top --url '${inject("gatewayUrl")}' & top=$!; read line; kill -TERM $top; wait $top; echo "ended by $?"`,
  ];
  await using terminal = openTerminal(words);
  await terminal.until("q quit, p pause");
  terminal.type("\r");
  await terminal.until("ended by 143");
  expect(terminal.raw()).toContain(CLOSED);
});
