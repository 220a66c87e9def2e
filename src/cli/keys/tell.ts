import type { Flags } from "../../config/load.ts";
import type { IssuedKey } from "../../keys/manage.ts";
import type { CliContext } from "../context.ts";

/** Prints a secret, alone on stdout so that a script can take it; what there is to know goes to stderr. */
export function tellSecret({ record, secret }: IssuedKey, flags: Flags, context: CliContext, done: string): void {
  if (flags.json === true) {
    context.stdout.write(`${JSON.stringify({ id: record.id, name: record.name, key: secret }, null, 2)}\n`);
    return;
  }
  context.stderr.write(`${done} Its secret is shown this once; only a hash of it is kept:\n`);
  context.stdout.write(`${secret}\n`);
}
