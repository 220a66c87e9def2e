import { describeFacts } from "../answering/describe.ts";
import type { AssistantMessage } from "../conversation/message.ts";

/** What an answer took, in a line. */
export function FactsLine({ message }: { readonly message: AssistantMessage }) {
  const words = describeFacts(message.facts, message.finish);
  const { answeredBy, route, requestId, toolsDropped, schemaDropped } = message.facts;
  const model =
    answeredBy !== undefined && answeredBy !== message.model ? `${message.model} (${answeredBy})` : message.model;
  const details = [
    requestId === undefined ? "" : `Request ${requestId}`,
    route === undefined ? "" : `Route: ${route}`,
    message.facts.cacheStatus === undefined ? "" : `Cache-Status: ${message.facts.cacheStatus}`,
  ].filter((line) => line !== "");
  return (
    <div class="facts" title={details.join("\n")}>
      <span class="facts-model">{model}</span>
      {words.map((word) => (
        <span key={word}>{word}</span>
      ))}
      {schemaDropped !== undefined && <span class="facts-warn">not enforced: {schemaDropped}</span>}
      {toolsDropped !== undefined && <span class="facts-warn">tools left out: {toolsDropped}</span>}
    </div>
  );
}
