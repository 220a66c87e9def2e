import "./keys.css";
import { useEffect, useState } from "preact/hooks";
import { PageHead } from "../frame/page-head.tsx";
import { Button, ErrorNote } from "../frame/parts.tsx";
import { KeyTable } from "./key-table.tsx";
import { failure, keys, refresh, usage } from "./keys.ts";
import { NewKeyDialog } from "./new-key.tsx";
import { UsageCard } from "./usage-card.tsx";

/** The keys, their limits, and what was used by whom. */
export default function Keys() {
  const [isNew, setIsNew] = useState(false);
  useEffect(() => void refresh(), []);
  return (
    <>
      <PageHead title="Keys and usage">
        <Button kind="primary" disabled={keys.value === undefined} onClick={() => setIsNew(true)}>
          New key
        </Button>
      </PageHead>
      {failure.value !== undefined && <ErrorNote error={failure.value} onRetry={refresh} />}
      {keys.value !== undefined && usage.value !== undefined && (
        <div class="keys">
          <KeyTable keys={keys.value} usage={usage.value} />
          <UsageCard usage={usage.value} />
        </div>
      )}
      <NewKeyDialog isOpen={isNew} isFirst={keys.value?.length === 0} onClose={() => setIsNew(false)} />
    </>
  );
}
