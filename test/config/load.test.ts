import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Flags, loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problems.ts";
import { type Config, configSchema } from "../../src/config/schema.ts";
import { describeOrigin } from "../../src/config/settings.ts";

type Given = { readonly flags?: Flags; readonly env?: NodeJS.ProcessEnv; readonly file?: string };

/** Loads from a file that is only in memory, named as `--config sluice.yaml`. */
function load({ flags = {}, env = {}, file }: Given) {
  return loadConfig({
    flags: file === undefined ? flags : { config: "sluice.yaml", ...flags },
    env,
    cwd: "/nowhere",
    readFile: () => new TextEncoder().encode(file),
  });
}

function problemsOf(given: Given): readonly string[] {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("precedence", () => {
  it("takes a flag before a variable, a variable before the file, the file before the default", () => {
    const layer = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(layer, layer, layer, (flag, variable, fromFile) => {
        const { config, origins } = load({
          flags: flag === undefined ? {} : { port: String(flag) },
          env: variable === undefined ? {} : { SLUICE_PORT: String(variable) },
          file: fromFile === undefined ? "" : `port: ${fromFile}\n`,
        });
        expect(config.port).toBe(flag ?? variable ?? fromFile ?? 8080);
        const source =
          flag !== undefined
            ? "flag"
            : variable !== undefined
              ? "environment"
              : fromFile !== undefined
                ? "file"
                : "default";
        expect(origins.port.source).toBe(source);
      }),
    );
  });

  it("puts one configuration together from all of them", () => {
    const { config, origins } = load({
      flags: { port: "9000", corsOrigins: ["*", "https://app.example.com"] },
      env: { SLUICE_SLOTS: "8", SLUICE_MODEL: "a,b" },
      file: "# mine\nthreads: 2\nmodel: c\n",
    });
    expect(config).toEqual({
      ...configSchema.parse({}),
      port: 9000,
      corsOrigins: ["*", "https://app.example.com"],
      slots: 8,
      model: ["a", "b"],
      threads: 2,
    });
    expect(describeOrigin(origins.port)).toBe("--port");
    expect(describeOrigin(origins.slots)).toBe("SLUICE_SLOTS");
    expect(describeOrigin(origins.model)).toBe("SLUICE_MODEL");
    expect(describeOrigin(origins.threads)).toBe("sluice.yaml:2");
    expect(describeOrigin(origins.host)).toBe("default");
  });

  it("takes an empty variable as not set", () => {
    expect(load({ env: { SLUICE_PORT: "", SLUICE_MODEL: " ", SLUICE_CONFIG: "" } }).config).toEqual(
      configSchema.parse({}),
    );
  });

  it("takes a lone value in the file as a list of one", () => {
    expect(load({ file: "model: ./mine.gguf" }).config.model).toEqual(["./mine.gguf"]);
  });

  it("takes names and values in the file for a list of NAME=MODEL", () => {
    expect(load({ file: "aliases:\n  gpt-4o: one\n  claude: owner/two:Q4\n" }).config.aliases).toEqual([
      "gpt-4o=one",
      "claude=owner/two:Q4",
    ]);
    expect(() => load({ file: "aliases: [gpt-4o]" })).toThrow(
      'sluice.yaml:1: aliases, entry 1: "gpt-4o" is not allowed. Give NAME=MODEL.',
    );
  });

  it("reads off as a word in the file, as YAML 1.2 does", () => {
    expect(load({ file: "gpu: off" }).config.gpu).toBe("off");
  });
});

describe("a former name", () => {
  const [one, other] = ["redis://one:6379", "redis://other:6379/"];

  it.each<[string, Given, Partial<Config>, readonly string[]]>([
    [
      "of the environment, for the cache alone",
      { env: { SLUICE_CACHE_REDIS_URL: one } },
      { redisUrl: one, redisShares: ["answers"] },
      [
        "SLUICE_CACHE_REDIS_URL has another name now. Write SLUICE_REDIS_URL and `SLUICE_REDIS_SHARES=answers` instead.",
      ],
    ],
    [
      "of the file, beside the same server for limits",
      { file: `redisUrl: ${one}\ncacheRedisUrl: ${one}/\n` },
      { redisUrl: one, redisShares: ["limits", "answers"] },
      [
        "sluice.yaml:2: cacheRedisUrl has another name now. Write redisUrl and `redisShares: [limits, answers]` instead.",
      ],
    ],
    [
      "of a flag, over today's of a weaker place",
      { flags: { cacheRedisUrl: one }, env: { SLUICE_REDIS_URL: one } },
      { redisUrl: one, redisShares: ["limits", "answers"] },
      [
        "--cache-redis-url has another name now. Write --redis-url and `--redis-shares limits --redis-shares answers` instead.",
      ],
    ],
    [
      "whose server is named beside what is shared",
      { file: `cacheRedisUrl: ${one}\nredisShares: limits\n` },
      { redisUrl: one, redisShares: ["limits"] },
      ["sluice.yaml:1: cacheRedisUrl has another name now. Write redisUrl instead."],
    ],
    [
      "of another server, where today's names say all",
      { file: `cacheRedisUrl: ${one}\n`, env: { SLUICE_REDIS_URL: other, SLUICE_REDIS_SHARES: "limits,answers" } },
      { redisUrl: other, redisShares: ["limits", "answers"] },
      ["sluice.yaml:1: cacheRedisUrl has another name now. Write redisUrl instead."],
    ],
    [
      "that names no server",
      { file: `redisUrl: ${one}\ncacheRedisUrl: ""\n` },
      { redisUrl: one },
      ["sluice.yaml:2: cacheRedisUrl has another name now. Write redisUrl instead."],
    ],
    [
      "beside an empty name of today",
      { file: `redisUrl: ""\ncacheRedisUrl: ${one}\n` },
      { redisUrl: one, redisShares: ["answers"] },
      ["sluice.yaml:2: cacheRedisUrl has another name now. Write redisUrl and `redisShares: [answers]` instead."],
    ],
    [
      "that a stronger former one turns off",
      { file: `cacheRedisUrl: ${one}\n`, flags: { cacheRedisUrl: "" } },
      {},
      [
        "sluice.yaml:1: cacheRedisUrl has another name now. Write redisUrl instead.",
        "--cache-redis-url has another name now. Write --redis-url instead.",
      ],
    ],
    [
      "of a number",
      { env: { SLUICE_CACHE_REDIS_TIMEOUT_MS: "40" } },
      { redisTimeoutMs: 40 },
      ["SLUICE_CACHE_REDIS_TIMEOUT_MS has another name now. Write SLUICE_REDIS_TIMEOUT_MS instead."],
    ],
    [
      "of a number beside today's",
      { flags: { cacheRedisTimeoutMs: "40" }, file: "redisTimeoutMs: 50\n" },
      { redisTimeoutMs: 50 },
      ["--cache-redis-timeout-ms has another name now. Write --redis-timeout-ms instead."],
    ],
  ])("%s is read, with a warning", (_, given, expected, expectedWarnings) => {
    const { config, warnings } = load(given);
    expect(config).toEqual({ ...configSchema.parse({}), ...expected });
    expect(warnings).toEqual(expectedWarnings);
  });

  it("of another server than today's is refused, since nobody said where answers may lie", () => {
    expect(problemsOf({ env: { SLUICE_REDIS_URL: one, SLUICE_CACHE_REDIS_URL: other } })).toEqual([
      "SLUICE_CACHE_REDIS_URL and SLUICE_REDIS_URL name different servers, and one serves for all now. Keep SLUICE_REDIS_URL, and set SLUICE_REDIS_SHARES to limits and answers to share both there, or to limits alone.",
    ]);
  });

  it("has today's rules, and is told as it was written", () => {
    expect(
      problemsOf({ file: "cacheRedisTimeoutMs: 0\n", env: { SLUICE_CACHE_REDIS_URL: "http://:secret@x" } }),
    ).toEqual([
      "sluice.yaml:1: cacheRedisTimeoutMs: 0 is not allowed. Give a whole number from 1 to 10000.",
      "SLUICE_CACHE_REDIS_URL: the value is not allowed. Give nothing or a URL that begins with redis:// or rediss://, such as redis://:PASSWORD@host:6379/0.",
    ]);
  });

  it.each([
    ["redis://host", true],
    ["rediss://user:a%2Fb@host:6380/15", true],
    ["redis://[::1]:6379/", true],
    ["redis://host/cache", false],
    ["redis://host/1/2", false],
    ["redis://:100%@host", false],
    ["redis:///1", false],
    ["redis://host:70000", false],
    ["unix:///run/redis.sock", false],
  ])("or today's takes a server's URL only as the client can read it: %s", (url, isGood) => {
    for (const name of ["SLUICE_REDIS_URL", "SLUICE_CACHE_REDIS_URL"])
      expect(problemsOf({ env: { [name]: url } })).toHaveLength(isGood ? 0 : 1);
  });

  it("is where its setting's value came from, and is never guessed", () => {
    const { origins } = load({ env: { SLUICE_CACHE_REDIS_URL: one } });
    expect(origins.redisUrl).toEqual({ source: "environment", name: "SLUICE_CACHE_REDIS_URL" });
    expect(origins.redisShares).toEqual({ source: "environment", name: "SLUICE_CACHE_REDIS_URL" });
    expect(problemsOf({ env: { SLUICE_CACHE_REDIS_UR: one } }).join()).not.toContain("CACHE_REDIS_URL");
  });

  it("brings no warning where there is none", () => {
    expect(load({ env: { SLUICE_REDIS_URL: one }, file: "port: 80\n" }).warnings).toEqual([]);
  });
});

describe("a wrong value", () => {
  it.each<[string, Given, string]>([
    ["a flag's number", { flags: { port: "x" } }, '--port: "x" is not allowed. Give a whole number from 0 to 65535.'],
    [
      "a flag's range",
      { flags: { port: "70000" } },
      "--port: 70000 is not allowed. Give a whole number from 0 to 65535.",
    ],
    [
      "a flag's fraction",
      { flags: { slots: "1.5" } },
      '--slots: "1.5" is not allowed. Give a whole number from 1 to 256.',
    ],
    [
      "a variable's choice",
      { env: { SLUICE_GPU: "cud" } },
      'SLUICE_GPU: "cud" is not allowed. Give one of auto, off, cuda, vulkan or metal.',
    ],
    [
      "a variable that is a word or a number",
      { env: { SLUICE_CONTEXT: "10" } },
      "SLUICE_CONTEXT: 10 is not allowed. Give auto or a whole number from 64 to 1048576.",
    ],
    [
      "a list with nothing in it",
      { env: { SLUICE_MODEL: "," } },
      "There is nothing to serve: model, onDemand and upstreams are all empty. Give --model, --on-demand or --upstream.",
    ],
    [
      "an entry of a list",
      { flags: { corsOrigins: ["*", "https://app.example.com/"] } },
      '--cors-origins, entry 2: "https://app.example.com/" is not allowed. Give *, an origin such as https://app.example.com (http or https, no path, no trailing slash) or the origin of an app, such as chrome-extension://ID.',
    ],
    [
      "a file's type",
      { file: '\n\nport: "80"\n' },
      'sluice.yaml:3: port: "80" is not allowed. Give a whole number from 0 to 65535.',
    ],
    [
      "a file's empty value",
      { file: "slots:\n" },
      "sluice.yaml:1: slots: an empty value is not allowed. Give a whole number from 1 to 256.",
    ],
    [
      "a file's nested keys",
      { file: "host:\n  a: 1\n" },
      "sluice.yaml:1: host: a group of keys is not allowed. Give text that is not empty.",
    ],
    [
      "a file's entry",
      { file: "model: [a, 3]" },
      "sluice.yaml:1: model, entry 2: 3 is not allowed. Give text of 1 to 4096 characters.",
    ],
  ])("is told with its place, itself and what is allowed: %s", (_, given, problem) => {
    expect(problemsOf(given)).toEqual([problem]);
  });

  it("is told together with all others, even those that a stronger layer covers", () => {
    const given: Given = {
      flags: { port: "1" },
      env: { SLUICE_PORT: "y", SLUICE_SLOTS: "0" },
      file: "port: z\nslto: 1",
    };
    const problems = problemsOf(given);
    expect(problems.map((problem) => problem.split(": ")[0])).toEqual([
      "sluice.yaml:2",
      "sluice.yaml:1",
      "SLUICE_PORT",
      "SLUICE_SLOTS",
    ]);
    expect(() => load(given)).toThrow("4 settings are wrong:\n  sluice.yaml:2: ");
  });

  it("is shown cut short and without control characters", () => {
    const [problem = ""] = problemsOf({ flags: { logLevel: `\u001b[31m${"x".repeat(5000)}` } });
    expect(problem).not.toContain("\u001b");
    expect(problem.length).toBeLessThan(400);
  });
});

describe("an unknown name", () => {
  it("stops the start with the variable, and the one that was probably meant", () => {
    expect(problemsOf({ env: { SLUICE_PROT: "1" } })).toEqual([
      "SLUICE_PROT: no setting has this name. Did you mean SLUICE_PORT? `npm run sluice -- serve --help` lists them all.",
    ]);
    expect(problemsOf({ env: { SLUICE_CONFGI: "x.yaml" } })[0]).toContain("Did you mean SLUICE_CONFIG?");
  });

  it("stops the start with the file's key and line", () => {
    expect(problemsOf({ file: "port: 1\nmax_pendin: 3\n" })).toEqual([
      "sluice.yaml:2: max_pendin: no setting has this name. Did you mean maxPending?",
    ]);
    expect(problemsOf({ file: "__proto__: 1\n" })[0]).toContain("sluice.yaml:1: __proto__: no setting has this name.");
  });

  it("is no matter in variables that are not ours", () => {
    expect(load({ env: { PORT: "1", SLUICEPORT: "2", sluice_port: "3" } }).config.port).toBe(8080);
  });

  it("lets the variables pass that Kubernetes makes for a service called sluice", () => {
    const env = {
      SLUICE_SERVICE_HOST: "10.0.0.1",
      SLUICE_SERVICE_PORT: "8080",
      SLUICE_SERVICE_PORT_HTTP: "8080",
      SLUICE_PORT: "tcp://10.0.0.1:8080",
      SLUICE_PORT_8080_TCP: "tcp://10.0.0.1:8080",
      SLUICE_PORT_8080_TCP_PROTO: "tcp",
      SLUICE_PORT_8080_TCP_PORT: "8080",
      SLUICE_PORT_8080_TCP_ADDR: "10.0.0.1",
      SLUICE_METRICS_SERVICE_HOST: "10.0.0.2",
      SLUICE_METRICS_PORT: "tcp://10.0.0.2:9090",
    };
    expect(load({ env }).config).toEqual(configSchema.parse({}));
  });
});

describe("the file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const loadIn = (flags: Flags = {}, env: NodeJS.ProcessEnv = {}) => loadConfig({ flags, env, cwd: folder });

  it("is sluice.yaml of the working folder where there is one, and not missed where there is none", () => {
    expect(loadIn().file).toBeUndefined();
    writeFileSync(join(folder, "sluice.yaml"), "port: 1\n");
    expect(loadIn()).toMatchObject({ file: "sluice.yaml", config: { port: 1 } });
  });

  it("is the one that SLUICE_CONFIG names, and before that the one that --config names", () => {
    writeFileSync(join(folder, "sluice.yaml"), "port: 1\n");
    writeFileSync(join(folder, "two.yaml"), "port: 2\n");
    writeFileSync(join(folder, "three.yaml"), "port: 3\n");
    expect(loadIn({}, { SLUICE_CONFIG: "two.yaml" })).toMatchObject({ file: "two.yaml", config: { port: 2 } });
    expect(loadIn({ config: join(folder, "three.yaml") }, { SLUICE_CONFIG: "two.yaml" }).config.port).toBe(3);
  });

  it("must exist when it was named", () => {
    expect(() => loadIn({ config: "gone.yaml" })).toThrow("gone.yaml: can't be read: there is no such file.");
  });

  it("must be a file", () => {
    mkdirSync(join(folder, "sub"));
    expect(() => loadIn({ config: "sub" })).toThrow("sub: can't be read: it is a folder. Name the file in it.");
  });

  it("must be text", () => {
    writeFileSync(join(folder, "binary"), Buffer.from([0xff, 0xfe, 0x00]));
    expect(() => loadIn({ config: "binary" })).toThrow("binary: can't be read: it isn't UTF-8 text.");
  });

  it("may have 1 MiB and not a byte more", () => {
    const padding = (bytes: number) => `port: 7\n#${" ".repeat(bytes - 9)}`;
    writeFileSync(join(folder, "full.yaml"), padding(1024 * 1024));
    expect(loadIn({ config: "full.yaml" }).config.port).toBe(7);
    writeFileSync(join(folder, "over.yaml"), padding(1024 * 1024 + 1));
    expect(() => loadIn({ config: "over.yaml" })).toThrow("over.yaml: is larger than 1 MiB");
  });

  it("may be empty, or hold nothing but comments", () => {
    expect(load({ file: "" }).config).toEqual(configSchema.parse({}));
    expect(load({ file: "# nothing\n---\n" }).config).toEqual(configSchema.parse({}));
  });

  it.each([
    ["port: [1\nslots: 2\n", "sluice.yaml:2:1: not valid YAML: "],
    ["port: 1\n\tslots: 2\n", "sluice.yaml:2:1: not valid YAML: Tabs are not allowed as indentation"],
    ["port: 1\nport: 2\n", "sluice.yaml:2:1: not valid YAML: Map keys must be unique"],
    ["slots: *other\n", "sluice.yaml:1: slots: not valid YAML: Unresolved alias"],
    ["port:8080\n", "sluice.yaml: must hold one setting a line, such as `port: 8080`."],
    ["- port: 1\n", "sluice.yaml: must hold one setting a line"],
  ])("that is broken is told with line and column: %j", (file, problem) => {
    expect(problemsOf({ file })[0]).toContain(problem);
  });

  it("never brings down anything but a ConfigError, whatever is in it", () => {
    const piece = fc.constantFrom(
      "port",
      ":",
      " ",
      "\n",
      "1",
      "model",
      "[",
      "]",
      "{",
      "}",
      "*a",
      "&a ",
      "!!x ",
      "- ",
      "|",
      '"',
      "? ",
      "<<",
      "#",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join("")),
        ),
        (file) => {
          problemsOf({ file });
        },
      ),
    );
  });

  it("can't be made to grow by aliases of aliases", () => {
    const levels = Array.from({ length: 30 }, (_, i) => `x${i}: &a${i} [${i === 0 ? "1" : `*a${i - 1}, *a${i - 1}`}]`);
    expect(problemsOf({ file: `${levels.join("\n")}\nmodel: *a29\n` }).at(-1)).toMatch(/model: .*alias/);
  });
});

describe("routes", () => {
  const load = (text: string) =>
    loadConfig({
      flags: { config: "sluice.yaml" },
      env: {},
      cwd: "/nowhere",
      readFile: () => new TextEncoder().encode(text),
    }).config.routes;

  it("are lists of names, single names, or groups of keys", () => {
    const text = `routes:
  a: [one, { model: two, weight: 3, spill: 1.5s }]
  b: one
  c:
    targets: [{ model: one, when: { hours: "22:00-06:00" } }]
    hedge: { after: 500ms }`;
    expect(load(text)).toEqual([
      { name: "a", targets: [{ model: "one" }, { model: "two", weight: 3, spill: { after: 1_500 } }] },
      { name: "b", targets: [{ model: "one" }] },
      {
        name: "c",
        targets: [{ model: "one", when: { hours: "22:00-06:00", zone: "UTC" } }],
        hedge: { after: 500, most: 0.05, class: ["interactive"] },
      },
    ]);
  });

  it("are flags and variables too, one for each target", () => {
    const targets = [
      { name: "a", targets: [{ model: "one" }] },
      { name: "a", targets: [{ model: "two" }] },
    ];
    expect(loadConfig({ flags: { routes: ["a=one", "a = two"] }, env: {}, cwd: "/nowhere" }).config.routes).toEqual(
      targets,
    );
    const env = { SLUICE_ROUTES: "a=one,a=two" };
    expect(loadConfig({ flags: {}, env, cwd: "/nowhere" }).config.routes).toEqual(targets);
  });

  it.each([
    ["a: [{ model: x, wieght: 3 }]", `"a": targets[1]: there is no key 'wieght'. Did you mean weight?`],
    ["a: [x, { model: y, spill: 3 sec }]", `"a": targets[2].spill: "3 sec" is not allowed. Give a time`],
    ["a: [{ model: x, spill: { after: 0s } }]", `"a": targets[1].spill.after: "0s" is not allowed. Give a time`],
    ["a: [{ model: x, when: { hours: 9-5 } }]", `"a": targets[1].when.hours: "9-5" is not allowed. Give hours`],
    ["a: [{ model: x, when: { zone: Mars } }]", `"a": targets[1].when.zone: "Mars" is not allowed. Give a time zone`],
    ["a: [{ model: x, weight: -1 }]", `"a": targets[1].weight: -1 is not allowed. Give a number from 0`],
    ["a: [x, X]", `"a": targets[2]: "X" is a target of this route already.`],
    ["a: {}", `"a": targets is missing. Give a list of 1 to 1024 entries`],
    [
      "a: { targets: [x], hedge: { after: 2s, most: 0.9 } }",
      `"a": hedge.most: 0.9 is not allowed. Give a number from 0 to 0.5.`,
    ],
  ])("are refused by the place of what is wrong: %s", (text, problem) => {
    expect(() => load(`routes: { ${text} }`)).toThrow(problem);
  });
});
