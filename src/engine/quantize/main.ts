/**
 * A process that quantizes one file, tells what it does, and exits. llama.cpp may end it by an assertion. If its parent leaves, it stops at once.
 *
 * Its argument: `QuantizeRequest` as JSON.
 */
import { messageOf } from "../contract/parse.ts";
import { openLibrary } from "../llama/library.ts";
import { quantizeFile } from "../llama/quantizer.ts";
import type { QuantizeNews, QuantizeRequest } from "./messages.ts";

const TENSOR = /^\[\s*(\d+)\/\s*(\d+)\]/;
const SIZE = /quant size\s*=\s*([\d.]+) MiB/;
const FALLBACKS = /(\d+) of \d+ tensor\(s\) required fallback/;
const KEPT_LINES = 3;

process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const tell = (news: QuantizeNews) => new Promise((resolve) => process.send?.(news, undefined, {}, resolve));
const lines: string[] = [];
let weightBytes = 0;
let tensors = 0;
let fallbacks = 0;

function read(line: string): void {
  const [, done, all] = TENSOR.exec(line) ?? [];
  const [, size] = SIZE.exec(line) ?? [];
  if (done !== undefined) {
    tensors = Number(all);
    void tell({ type: "tensor", done: Number(done), all: tensors });
  } else if (size !== undefined) weightBytes = Number(size) * 2 ** 20;
  else lines.push(line);
  fallbacks = Number(FALLBACKS.exec(line)?.[1] ?? fallbacks);
  if (lines.length > KEPT_LINES) lines.shift();
}

try {
  const { addon, ...options }: QuantizeRequest = JSON.parse(process.argv[2] ?? "{}");
  const library = openLibrary(addon);
  // Its own pipe would lose lines that nobody has read in time.
  library.onLine(read);
  await quantizeFile(library, options);
  await tell({ type: "done", weightBytes, tensors, fallbacks });
} catch (error) {
  await tell({ type: "failed", lines: [messageOf(error), ...lines] });
}
process.exit(0);
