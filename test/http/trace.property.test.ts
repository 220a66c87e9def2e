import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTrace } from "../../src/http/trace.ts";

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const read = (headers: Readonly<Record<string, string>>) => readTrace((name) => headers[name]);
const id = (length: number) => hex(length).filter((digits) => /[^0]/.test(digits));

describe("a client's trace", () => {
  it("is read as W3C writes it, also of a later version", () => {
    fc.assert(
      fc.property(id(32), id(16), hex(2), fc.constantFrom("00", "01", "cc"), (traceId, spanId, flags, version) => {
        const later = version === "00" ? "" : "-more";
        const traceparent = `${version}-${traceId}-${spanId}-${flags}${later}`;
        expect(read({ traceparent, tracestate: "a=1,b=2" })).toEqual({
          ...{ traceId, spanId, state: "a=1,b=2" },
          isSampled: Number.parseInt(flags, 16) % 2 === 1,
        });
      }),
    );
  });

  it("is none where it is anything else", () => {
    const zeros = (length: number) => "0".repeat(length);
    const wrong = [
      ...["", "00", `00-${zeros(32)}-00f067aa0ba902b7-01`, `00-4bf92f3577b34da6a3ce929d0e0e4736-${zeros(16)}-01`],
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      `cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-${"x".repeat(300)}`,
    ];
    for (const traceparent of wrong) expect(read({ traceparent }), traceparent).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (traceparent) => {
        expect(read({ traceparent })).toBeUndefined();
      }),
    );
  });

  it("loses a state that is too long or has other characters", () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (const tracestate of ["a=1".repeat(300), "a=\u00e9"]) {
      expect(read({ traceparent, tracestate })).toMatchObject({ state: undefined });
    }
  });
});
