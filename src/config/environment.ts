import { shellCommand } from "../version.ts";
import { coerceVariable } from "./coerce.ts";
import { formerSettings } from "./former.ts";
import { type Setting, settings } from "./settings.ts";
import { didYouMean } from "./suggest.ts";

/** Names the configuration file; not a setting, since it says where the settings are. */
export const CONFIG_VARIABLE = "SLUICE_CONFIG";

/** The setting `apiKey`, and what the commands that ask a gateway as a client show to one with keys. */
const API_KEY_VARIABLE = "SLUICE_API_KEY";
/** An admin's key, for the commands that talk to a running gateway; not a setting, since the gateway has no use for it. */
export const ADMIN_KEY_VARIABLE = "SLUICE_ADMIN_KEY";
/** Set by `bin/sluice.js`, which passes on the signals that it gets. */
export const LAUNCHED_VARIABLE = "SLUICE_LAUNCHED";

/** The URL of the gateway for the commands that talk to one; not a setting, since a gateway has no use for it. */
export const URL_VARIABLE = "SLUICE_URL";

/** Which variables may hold the key of a command; the first that is set counts. */
export type KeyVariables = readonly [first: string, other: string];

/** For commands that look after a gateway. */
export const OPERATOR_KEYS: KeyVariables = [ADMIN_KEY_VARIABLE, API_KEY_VARIABLE];
/** For commands that use a gateway: what they ask for and store belongs to their key. */
export const CLIENT_KEYS: KeyVariables = [API_KEY_VARIABLE, ADMIN_KEY_VARIABLE];

/** What the help of such a command says of its key. */
export function describeKeys([first, other]: KeyVariables): string {
  const admin = first === ADMIN_KEY_VARIABLE ? " to a key created with --admin" : "";
  return `If the gateway has keys, set ${first}${admin}; without it, ${other} is used.`;
}

/** Variables with our prefix that are no settings and belong to other parts. */
const otherVariables: readonly string[] = [CONFIG_VARIABLE, ADMIN_KEY_VARIABLE, URL_VARIABLE, LAUNCHED_VARIABLE];

/**
 * Kubernetes gives every pod variables about each service in its namespace, so that a service called `sluice` brings
 * `SLUICE_SERVICE_HOST`, `SLUICE_PORT_8080_TCP`, … and even `SLUICE_PORT=tcp://10.0.0.1:8080`. Nobody wrote those as settings.
 * https://kubernetes.io/docs/concepts/containers/container-environment/ and Docker's container links, where the form is from.
 */
const SERVICE_LINK_NAME = /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/** A setting found in the environment. */
export type FoundVariable = { readonly setting: Setting; readonly text: string; readonly value: unknown };

/**
 * The settings that the environment holds, and a problem for each `SLUICE_` variable that is none. An empty variable counts as
 * not set, as in Compose files and unit files that pass variables on.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): {
  found: readonly FoundVariable[];
  problems: readonly string[];
} {
  const found: FoundVariable[] = [];
  const problems: string[] = [];
  const byVariable = new Map([...settings, ...formerSettings].map((setting) => [setting.variable, setting]));
  for (const [name, text = ""] of Object.entries(env)) {
    if (!name.startsWith("SLUICE_") || otherVariables.includes(name) || isServiceLink(name, text)) continue;
    const setting = byVariable.get(name);
    if (setting === undefined) {
      const guess = didYouMean(name, [...settings.map(({ variable }) => variable), ...otherVariables]);
      problems.push(`${name}: no setting has this name.${guess} \`${shellCommand("serve --help")}\` lists them all.`);
    } else if (text.trim() !== "") {
      found.push({ setting, text, value: coerceVariable(text, setting) });
    }
  }
  return { found, problems };
}

function isServiceLink(name: string, text: string): boolean {
  return SERVICE_LINK_NAME.test(name) || (name.endsWith("_PORT") && SERVICE_LINK_VALUE.test(text));
}
