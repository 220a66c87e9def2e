import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";

const look = browserOfTests();
const url = (path: string) => inject("gatewayUrl") + path;

const named = z.object({ id: z.string() });

function lineOf(at: number, body: object): string {
  const messages = [{ role: "user", content: `Tell me about the number ${at}.` }];
  const request = { model: "smollm2-135m-instruct", temperature: 0, messages, ...body };
  return JSON.stringify({ custom_id: `line-${at}`, method: "POST", url: "/v1/chat/completions", body: request });
}

const linesOf = (count: number, body: object) => Array.from({ length: count }, (_, at) => lineOf(at, body)).join("\n");

/** Begins a batch as a program does. */
async function begin(lines: string): Promise<string> {
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", new Blob([lines]), "in.jsonl");
  const file = named.parse(await (await fetch(url("/v1/files"), { method: "POST", body: form })).json());
  const created = await fetch(url("/v1/batches"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" },
    }),
  });
  return named.parse(await created.json()).id;
}

/** Begins one on the page. */
async function beginOn(page: Page, lines: string): Promise<void> {
  await page.getByRole("button", { name: "New batch" }).click();
  const buffer = Buffer.from(lines);
  await page
    .getByLabel("File, with a request")
    .setInputFiles({ name: "in.jsonl", mimeType: "application/jsonl", buffer });
  await page.getByRole("button", { name: "Start" }).click();
}

const rowOf = (page: Page, id: string) => page.getByRole("row").filter({ has: page.getByTitle(id) });

describe("the page Batches", () => {
  it("begins a batch with a file, follows it to its end, and hands out its answers", async () => {
    await using seen = await look(url("/batches"));
    const { page, faults } = seen;
    await beginOn(page, linesOf(3, { max_tokens: 4 }));
    const row = page.getByRole("table", { name: "Batches" }).getByRole("row").nth(1);
    await row.getByText("3 of 3").waitFor();
    await row.getByText("completed").waitFor();
    const downloading = page.waitForEvent("download");
    await row.getByRole("button", { name: /^Answers of batch_/ }).click();
    const saved = await readFile(await (await downloading).path(), "utf8");
    const ids = saved
      .trimEnd()
      .split("\n")
      .map((line) => z.object({ custom_id: z.string() }).parse(JSON.parse(line)));
    expect(ids.map(({ custom_id }) => custom_id).toSorted()).toEqual(["line-0", "line-1", "line-2"]);
    expect(faults).toEqual([]);
  });

  it("says what is wrong with a file before it is sent, and in which line after its check", async () => {
    await using seen = await look(url("/batches"));
    const { page, faults } = seen;
    await page.getByRole("button", { name: "New batch" }).click();
    const dialog = page.getByRole("dialog", { name: "New batch" });
    const buffer = Buffer.from("custom_id,text\n1,Hello\n");
    await dialog.getByLabel("File, with").setInputFiles({ name: "in.csv", mimeType: "text/csv", buffer });
    await dialog.getByText("The first line is no request.").waitFor();
    expect(await dialog.getByRole("button", { name: "Start" }).isDisabled()).toBe(true);
    await expectAccessible(page);
    await page.keyboard.press("Escape");

    await beginOn(page, `${lineOf(1, { max_tokens: 4 })}\nHello`);
    const row = page.getByRole("table", { name: "Batches" }).getByRole("row").nth(1);
    await row.getByText("failed").waitFor();
    await row.getByText("1 error").click();
    await row.getByText(/^line 2/).waitFor();
    expect(faults).toEqual([]);
  });

  it("shows one that runs, also on Now, and cancels it when that is meant", async () => {
    const id = await begin(linesOf(60, { max_tokens: 200, ignore_eos: true }));
    await using seen = await look(url("/"));
    const { page, faults } = seen;
    const running = page.getByRole("table", { name: "Batches that have not ended" });
    await running.getByTitle(id).waitFor();
    await running.getByText(/of 60/).waitFor();
    await page.getByRole("link", { name: "Batches", exact: true }).click();
    const row = rowOf(page, id);
    await row.getByText("in progress").waitFor();
    await row.getByRole("button", { name: /^Cancel/ }).click();
    await page.getByRole("button", { name: "Let it run" }).click();
    await row.getByRole("button", { name: /^Cancel/ }).click();
    await page.getByRole("button", { name: "Cancel the batch" }).click();
    await row.getByText("cancelled").waitFor();
    await row.getByRole("button", { name: /^Errors of/ }).waitFor();
    expect(faults).toEqual([]);
  });

  it("takes a key that is none of an admin's, and asks for no other", async () => {
    await using seen = await look("about:blank");
    const { page } = seen;
    const error = { message: "No.", code: "insufficient_permissions" };
    await page.route("**/admin/live", (route) => route.fulfill({ status: 403, json: { error } }));
    await page.goto(url("/batches"));
    await page.getByRole("button", { name: "New batch" }).and(page.locator(":enabled")).waitFor();
    const id = await begin(linesOf(1, { max_tokens: 2 }));
    await rowOf(page, id).getByText("completed").waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  it.each([
    ["light", "light", 1280],
    ["dark", "dark", 1700],
    ["narrow", "light", 360],
  ] as const)("hinders nobody: %s", async (_, colorScheme, width) => {
    await using seen = await look(url("/batches"), { colorScheme, viewport: { width, height: 900 } });
    const { page, faults } = seen;
    await page.getByRole("table", { name: "Batches" }).waitFor();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
    expect(faults).toEqual([]);
  });
});
