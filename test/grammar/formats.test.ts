import { describe, expect, it } from "vitest";
import { createGrammarBuilder } from "../../src/grammar/builder.ts";
import { interpret } from "./gbnf.ts";

const EXAMPLES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    "date",
    ["2024-02-29", "2000-02-29", "1999-12-31"],
    ["2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-1-1"],
  ],
  [
    "time",
    ["00:00:00Z", "23:59:59.5+02:00", "23:59:60Z", "01:29:60+01:30", "15:59:60-08:00"],
    ["22:59:60Z", "23:59:60+01:00", "23:58:60Z", "24:00:00Z", "12:00:00", "12:60:00Z"],
  ],
  ["date-time", ["2024-02-29T23:59:59Z"], ["2024-02-30T00:00:00Z", "2024-02-29 00:00:00Z"]],
  ["duration", ["P1D", "PT1H2M", "P2W", "P1Y2M3DT4H5M6S"], ["P", "PT", "P1D2W", "1D", "P1Y2D", "PT1H2S"]],
  ["uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000"]],
  ["email", ["a@b.co", "first.last+tag@mail.example.org"], ["a@b", "@b.co", "a..b@c.de", "a b@c.de"]],
  ["hostname", ["localhost", "a-b.example.com", "xn--bcher-kva.example"], ["-a.com", "a..b", "a-.com", "ab--c.com"]],
  ["ipv4", ["0.0.0.0", "255.255.255.255", "192.168.1.9"], ["256.0.0.0", "1.2.3", "01.2.3.4"]],
  [
    "ipv6",
    ["::", "::1", "1:2:3:4:5:6:7:8", "fe80::1:2", "::ffff:192.0.2.1", "1::2:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"],
    [":::", "1:2:3:4:5:6:7", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3"],
  ],
  ["uri-reference", ["", "/a?b", "../c#d", "https://x.y/", "//host/p"], ["a b", "\\\\x"]],
  ["json-pointer", ["", "/a~1b/0"], ["a", "/~2"]],
  ["uri-template", ["https://x.y/{id}{?a,b*}", ""], ["{", "{a b}"]],
  [
    "uri",
    ["https://example.com/a?b=c#d", "http://localhost:80", "mailto:a@b.co", "urn:isbn:0451450523"],
    ["example.com", "http://", "http://a b"],
  ],
];

describe("a string with a format", () => {
  it.each(EXAMPLES)("is a %s", (format, right, wrong) => {
    const builder = createGrammarBuilder();
    const { accepts } = interpret(builder.toGbnf(builder.schema({ type: "string", format }, "schema")));
    expect(right.filter((text) => !accepts(JSON.stringify(text)))).toEqual([]);
    expect(wrong.filter((text) => accepts(JSON.stringify(text)))).toEqual([]);
  });
});
