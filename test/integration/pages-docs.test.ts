import { expect, inject, it } from "vitest";
import { browserOfTests, expectAccessible, expectNoSidewaysScroll } from "../fixtures/browser.ts";

const look = browserOfTests();
const url = inject("gatewayUrl");

it("the API's page sends requests and forms to its own gateway, and nothing elsewhere", async () => {
  await using seen = await look("about:blank");
  const { page, faults } = seen;
  const places = new Set<string>();
  page.on("request", (request) => places.add(new URL(request.url()).origin));
  await page.goto(`${url}/docs`);
  const tokenize = page.locator("#tokenize");
  await tokenize.locator("summary").first().click();
  await tokenize.getByRole("button", { name: "Send" }).click();
  await tokenize.getByText("200 OK").waitFor();
  const upload = page.locator("#createFile");
  await upload.locator("summary").first().click();
  await upload.getByRole("button", { name: "Send" }).click();
  await upload.getByText("200 OK").waitFor();
  expect([...places].filter((place) => place !== "null")).toEqual([url]);
  expect(faults).toEqual([]);
});

it.each([
  ["light", 1280],
  ["dark", 360],
] as const)("the API's page hinders nobody: %s, %i wide", async (colorScheme, width) => {
  await using seen = await look(`${url}/docs`, { colorScheme, viewport: { width, height: 900 } });
  const { page, faults } = seen;
  await page.locator("#createChatCompletion").waitFor();
  await expectAccessible(page);
  await expectNoSidewaysScroll(page);
  expect(faults).toEqual([]);
});
