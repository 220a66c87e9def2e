import { expect, test } from "vitest";
import { switchOnCache } from "../../../bench/peers/gateways.ts";

test("Portkey's cache is switched on, and nothing else is changed", () => {
  const settings = { plugins_enabled: ["default"], cache: false };
  expect(JSON.parse(switchOnCache(JSON.stringify(settings)))).toEqual({ ...settings, cache: true });
});

test("settings that know no cache are not taken for some that do", () => {
  expect(() => switchOnCache("{}")).toThrow("no `cache`");
});
