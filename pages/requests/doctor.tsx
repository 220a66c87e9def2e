import type { PrefixFinding } from "../../src/telemetry/requests/wire.ts";
import { RequestLink } from "./request-link.tsx";

/** What the prefix doctor found. */
export function Doctor({ finding }: { readonly finding: PrefixFinding | null }) {
  if (finding === null) return null;
  const { type, sentence, earlier } = finding;
  const isLoss = type === "differs" || type === "not_held";
  const [before, after] = earlier === null ? [sentence, ""] : sentence.split(earlier, 2);
  return (
    <section class={isLoss ? "request-part request-loss" : "request-part"}>
      <h2>Prefix</h2>
      <p>
        {before}
        {earlier !== null && <RequestLink id={earlier} />}
        {after}
      </p>
    </section>
  );
}
