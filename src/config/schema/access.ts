import { z } from "zod";

/** What a browser sends as `Origin`: a scheme, a host and a port, with no path. Anything else would never match one. */
const originSchema = z
  .url({ protocol: /^https?$/ })
  .refine((text) => URL.canParse(text) && new URL(text).origin === text)
  .describe("an origin such as https://app.example.com (http or https, no path, no trailing slash)");

/** Of apps and extensions, such as `chrome-extension://ID` or `tauri://localhost`: browsers know no port of theirs. */
const appOriginSchema = z
  .string()
  .max(512)
  .regex(/^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+$/)
  .describe("the origin of an app, such as chrome-extension://ID");

/** What stands in `Host`, without a port. */
const hostNameSchema = z
  .string()
  .max(253)
  .regex(/^(\*|\[?[0-9A-Fa-f:.]+\]?|[A-Za-z0-9._-]+)$/)
  .describe("a name or an address without scheme and port, or *");

/** Where the gateway listens, and who may reach it. */
export const access = {
  host: z.string().min(1).default("127.0.0.1").describe("address to listen on"),
  port: z.int().min(0).max(65_535).default(8080).describe("port to listen on; 0 picks a free one"),
  insecure: z
    .boolean()
    .default(false)
    .describe("allow addresses that other machines can reach, even if there are no keys"),
  apiKey: z
    .union([
      z.literal("").describe("nothing"),
      z
        .string()
        .regex(/^[\x21-\x7e]{16,256}$/)
        .describe("16 to 256 ASCII characters without spaces"),
    ])
    .default("")
    .meta({
      description:
        "an additional key without limits; set it in the environment, because other users can see a program's flags",
      writeOnly: true,
    }),
  keysFile: z
    .string()
    .default("")
    .describe("YAML file with keys, in addition to those made with `keys create`; read again when it changes"),
  corsOrigins: z
    .array(z.union([z.literal("*"), originSchema, appOriginSchema]))
    .max(64)
    .default([])
    .meta({
      description: "origin allowed to call from a browser, or * for any; may be repeated",
      placeholder: "origin|*",
    }),
  allowedHosts: z
    .array(hostNameSchema)
    .max(64)
    .default([])
    .describe(
      "host name that clients may use for a gateway without keys, besides its own address, or * for any; may be repeated",
    ),
  pages: z
    .boolean()
    .default(true)
    .describe("serve pages for browsers at /; what they show needs the same keys as the API"),
  mcp: z
    .boolean()
    .default(false)
    .describe("serve MCP at /mcp: models and presets as tools and prompts for agents, by the same keys as the API"),
};
