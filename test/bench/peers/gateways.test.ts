import { expect, test } from "vitest";
import { brief, findGateways } from "../../../bench/peers/gateways.ts";

test("a gateway that is given and isn't there is an error, told before anything is installed", async () => {
  const asked = findGateways({ portkey: "no/such/script.js", signal: new AbortController().signal, say: () => {} });
  await expect(asked).rejects.toThrow("--portkey: there is no no/such/script.js");
});

test("why a gateway is absent is told in one line", () => {
  const error = new Error("git ended with exit code 128; the end of build.log:\nCloning\nfatal: no such host");
  expect(brief(error)).toBe("git ended with exit code 128 (fatal: no such host)");
  expect(brief(new Error("there is no git here"))).toBe("there is no git here");
});
