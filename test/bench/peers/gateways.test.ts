import { expect, test } from "vitest";
import { brief, switchOnCache } from "../../../bench/peers/gateways.ts";

test("Portkey's cache is switched on, and nothing else is changed", () => {
  const settings = { plugins_enabled: ["default"], cache: false };
  expect(JSON.parse(switchOnCache(JSON.stringify(settings)))).toEqual({ ...settings, cache: true });
});

test("settings that know no cache are not taken for some that do", () => {
  expect(() => switchOnCache("{}")).toThrow("no `cache`");
});

test("why a gateway is absent is told in one line", () => {
  const error = new Error("git ended with exit code 128; the end of build.log:\nCloning\nfatal: no such host");
  expect(brief(error)).toBe("git ended with exit code 128 (fatal: no such host)");
  expect(brief(new Error("there is no git here"))).toBe("there is no git here");
});
