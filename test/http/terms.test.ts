import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Caller } from "../../src/http/context.ts";
import { type AskedTerms, decodeTerms, MAX_WAIT_MS } from "../../src/http/terms.ts";
import { InvalidRequestError } from "../../src/protocols/errors.ts";

const CALLER: Caller = { tenant: "local", priority: "default", bestPriority: "interactive" };

type Headers = Readonly<Record<string, string>>;

/** The terms of a request with `headers`, from a caller like any other unless `caller` says otherwise. */
function decode(headers: Headers, caller: Partial<Caller> = {}, asked: Partial<AskedTerms> = {}) {
  const all = { serviceTier: undefined, isAwaited: true, ...asked };
  return decodeTerms((name) => headers[name], { ...CALLER, ...caller }, all);
}

/** The parameter that a refusal of `headers` names; undefined where they are taken. */
function refused(headers: Headers): string | null | undefined {
  try {
    decode(headers);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.param;
    throw error;
  }
}

describe("the priority of a request", () => {
  it.each([
    ["default", "interactive", undefined, "default"],
    ["default", "interactive", "auto", "default"],
    ["default", "interactive", "priority", "interactive"],
    ["default", "interactive", "default", "default"],
    ["default", "interactive", "flex", "batch"],
    ["interactive", "interactive", undefined, "interactive"],
    ["interactive", "interactive", "default", "default"],
    ["interactive", "interactive", "scale", "default"],
    ["default", "default", "priority", "default"],
    ["batch", "batch", undefined, "batch"],
    ["batch", "batch", "priority", "batch"],
    ["batch", "default", "priority", "default"],
    ["batch", "interactive", "default", "batch"],
    ["batch", "interactive", "scale", "batch"],
  ] as const)("of a caller with %s, at best %s, that asks for %s, is %s", (priority, bestPriority, tier, expected) => {
    expect(decode({}, { priority, bestPriority }, { serviceTier: tier }).priority).toBe(expected);
  });

  it("belongs to the caller's tenant", () => {
    expect(decode({}, { tenant: "team" })).toEqual({ tenant: "team", priority: "default" });
  });
});

describe("the headers of llm-d", () => {
  const objectives = new Map([["food-review", "batch"] as const, ["chat", "interactive"] as const]);

  it("name an objective, whose class counts as far as the key permits and the body says nothing", () => {
    const named = (name: string, caller: Partial<Caller> = {}, asked: Partial<AskedTerms> = {}) =>
      decode({ "x-llm-d-inference-objective": name }, caller, { objectives, ...asked }).priority;
    expect(named("food-review")).toBe("batch");
    expect(named("Chat")).toBe("interactive");
    expect(named("chat", { bestPriority: "default" })).toBe("default");
    expect(named("batch")).toBe("batch");
    expect(named("unheard-of")).toBe("default");
    expect(named("food-review", {}, { serviceTier: "priority" })).toBe("interactive");
    expect(decode({ "x-gateway-inference-objective": "chat" }, {}, { objectives }).priority).toBe("interactive");
  });

  it("name a flow where the key permits it, which shares nothing but turns", () => {
    const headers = { "x-llm-d-inference-fairness-id": "team-1" };
    expect(decode(headers).flow).toBeUndefined();
    expect(decode(headers, { tenant: "key", flows: true })).toMatchObject({ tenant: "key", flow: "team-1" });
    expect(decode({ "x-gateway-inference-fairness-id": "t" }, { flows: true }).flow).toBe("t");
    for (const wrong of ["", "a b", "x".repeat(257), "a\nb"]) {
      expect(decode({ "x-llm-d-inference-fairness-id": wrong }, { flows: true }).flow).toBeUndefined();
    }
  });

  it("say how long the first token may take, as Sluice's own header does, and are ignored where they are wrong", () => {
    expect(decode({ "x-llm-d-slo-ttft-ms": "750" }).maxWaitMs).toBe(750);
    expect(decode({ "x-slo-ttft-ms": "750.9" }).maxWaitMs).toBe(750);
    expect(decode({ "x-llm-d-slo-ttft-ms": "750", "sluice-max-wait-ms": "100" }).maxWaitMs).toBe(100);
    for (const wrong of ["0", "-1", "soon", ""]) expect(decode({ "x-slo-ttft-ms": wrong }).maxWaitMs).toBeUndefined();
  });
});

describe("how long a request may wait", () => {
  it("is unlimited by default", () => {
    expect(decode({}).maxWaitMs).toBeUndefined();
  });

  it.each([
    ["the header", { "sluice-max-wait-ms": "100", "x-stainless-timeout": "600" }, 5_000, 100],
    ["the key's policy", { "sluice-max-wait-ms": "9000", "x-stainless-timeout": "600" }, 5_000, 5_000],
    ["what a client in JavaScript gives itself", { "x-stainless-timeout": "3" }, 5_000, 3_000],
    ["what a client in Python gives itself", { "x-stainless-read-timeout": "2.5" }, undefined, 2_500],
  ])("is the least that counts: %s", (_, headers, maxWaitMs, expected) => {
    expect(decode(headers, maxWaitMs === undefined ? {} : { maxWaitMs }).maxWaitMs).toBe(expected);
  });

  it("is not limited by a client's own timeout when the answer is fetched later", () => {
    const headers = { "x-stainless-timeout": "3", "x-stainless-read-timeout": "3.0" };
    expect(decode(headers, {}, { isAwaited: false }).maxWaitMs).toBeUndefined();
    expect(decode({ ...headers, "sluice-max-wait-ms": "9000" }, {}, { isAwaited: false }).maxWaitMs).toBe(9_000);
  });

  it.each(["0", "none", "", "-1", "1e3", "inf", "0x10", "1,2", "0.0001"])(
    "passes over a client's timeout of %j",
    (text) => {
      expect(decode({ "x-stainless-timeout": text }).maxWaitMs).toBeUndefined();
    },
  );

  it("accepts every whole number of ms up to a day", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_WAIT_MS }), (ms) => {
        expect(decode({ "sluice-max-wait-ms": String(ms) }).maxWaitMs).toBe(ms);
      }),
    );
  });

  it("refuses everything else, by the header's name", () => {
    const tooMany = fc.bigInt({ min: BigInt(MAX_WAIT_MS) + 1n, max: 10n ** 30n }).map(String);
    const notANumber = fc.string().filter((text) => !/^\d+$/.test(text));
    const wrong = fc.oneof(tooMany, notANumber, fc.constantFrom("0", "1.0", "+1", " 1", "1, 2", "١"));
    fc.assert(
      fc.property(wrong, (text) => {
        expect(refused({ "sluice-max-wait-ms": text })).toBe("sluice-max-wait-ms");
      }),
    );
  });

  it("is at least 1 ms and at most a day, whatever the client's timeout", () => {
    const number = fc.oneof(fc.double({ min: 0, noNaN: true }).map(String), fc.nat().map(String), fc.string());
    fc.assert(
      fc.property(number, number, (one, other) => {
        const { maxWaitMs = 1 } = decode({ "x-stainless-timeout": one, "x-stainless-read-timeout": other });
        expect(maxWaitMs).toBeGreaterThanOrEqual(1);
        expect(maxWaitMs).toBeLessThanOrEqual(MAX_WAIT_MS);
      }),
    );
  });
});

describe("the id by which a request replaces another", () => {
  const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));

  it("is any visible ASCII, up to 256 characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: visible, minLength: 1, maxLength: 256 }), (id) => {
        expect(decode({ "sluice-supersede": id }).supersedeId).toBe(id);
      }),
    );
  });

  it("is refused by the header's name when it is anything else", () => {
    const invisible = fc.string().filter((text) => !/^[\x21-\x7e]+$/.test(text));
    const tooLong = fc.string({ unit: visible, minLength: 257, maxLength: 300 });
    fc.assert(
      fc.property(fc.oneof(invisible, tooLong), (id) => {
        expect(refused({ "sluice-supersede": id })).toBe("sluice-supersede");
      }),
    );
  });
});
