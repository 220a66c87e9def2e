import { expect, it } from "vitest";
import { readMessage } from "../../src/assist/commit-message.ts";

it.each([
  [JSON.stringify({ subject: "Add a cache", body: [] }), "Add a cache"],
  [
    JSON.stringify({ subject: "Add\na cache", body: ["Because.", "", "", "# no", "So."] }),
    "Add a cache\n\nBecause.\n\nSo.",
  ],
  [JSON.stringify({ subject: "", body: [] }), ""],
  ['"Add a cache"', "Add a cache"],
  ["```text\nAdd a cache\n```\n", "Add a cache"],
  ["# Title\nAdd a cache\r\n\r\nBecause.\u001b[2J", "Add a cache\n\nBecause.[2J"],
  ["[core] Add a cache", "[core] Add a cache"],
  ['```json\n{"subject":"Add a cache","body":[]}\n```', "Add a cache"],
  ['{"subject":"Add a cache","body":"x"}', ""],
  ['{"subject":"Add a ca', ""],
  ['{"files":[]}', ""],
  ['["Add a cache"]', ""],
  ["  \n", ""],
])("the message in %j is %j", (answer, message) => {
  expect(readMessage(answer)).toBe(message);
});
