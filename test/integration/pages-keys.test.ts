import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";
import { endAll, runSluice } from "./sluice-process.ts";

const look = browserOfTests();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-pages-keys-"));
});
afterEach(endAll);
afterAll(() => rm(folder, { recursive: true }));

it("makes keys, shows each secret once, and revokes them", async () => {
  const sluice = runSluice("--slots", "1", "--context", "256", "--state-file", join(folder, "state.db"));
  const url = await sluice.ready;
  await using seen = await look(`${url}/keys`);
  const { page, faults } = seen;
  await page.getByText(/There are no keys/).waitFor();

  const create = async (name: string, more: Readonly<Record<string, string>> = {}) => {
    await page.getByRole("button", { name: "New key" }).click();
    await page.getByLabel("Name").fill(name);
    for (const [label, value] of Object.entries(more)) await page.getByLabel(label).fill(value);
    await expectAccessible(page);
    await page.getByRole("button", { name: "Create" }).click();
    const secret = await page.locator(".keys-secret").textContent();
    await page.getByRole("button", { name: "Done" }).click();
    return secret ?? "";
  };
  // The first is an admin's, and the page goes on with it.
  const root = await create("root");
  const table = page.getByRole("table", { name: "Keys" });
  await table.getByText("root").waitFor();
  const secret = await create("reader", { "Most requests a minute": "7", "Expires, such as 30d or 2027-01-31": "30d" });
  await table.getByText("7 requests a minute").waitFor();
  expect(await page.content()).not.toContain(secret);
  expect(await page.content()).not.toContain(root);

  const ask = (key: string) => fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect((await ask(secret)).status).toBe(200);
  await page.getByRole("button", { name: "Revoke reader" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await table.getByText("reader").waitFor({ state: "detached" });
  expect((await ask(secret)).status).toBe(401);

  // What is wrong is said in the dialog.
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill("late");
  await page.getByLabel("Expires, such as 30d or 2027-01-31").fill("yesterday");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText(/Invalid 'expires'/).waitFor();
  await page.keyboard.press("Escape");

  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  // A refused request is told of on the console, too, by the browser itself.
  expect(faults.filter((fault) => !fault.includes("400"))).toEqual([]);
});
