import type { Handler } from "hono";
import type { ModelReport, Report } from "../../store/comparison-report.ts";
import type { ComparisonStore } from "../../store/comparisons.ts";
import type { HttpEnv } from "../context.ts";

/** `GET /admin/comparison`: what `sluice compare` measured last. */
export function showComparison(comparisons: Pick<ComparisonStore, "latest">): Handler<HttpEnv> {
  return (c) => {
    const latest = comparisons.latest();
    return c.json({ object: "list", data: latest === undefined ? [] : [encode(latest)] });
  };
}

function encode({ createdMs, machine, isQuiet, reference, text, verdict, models }: Report) {
  return {
    ...{ object: "comparison", created_at: Math.floor(createdMs / 1000), machine, quiet: isQuiet, reference },
    text: { name: text.name, scored: text.scored },
    verdict,
    models: models.map(encodeModel),
  };
}

function encodeModel({ quality, points, ...model }: ModelReport) {
  return {
    ...{ id: model.id, quantization: model.quantization ?? null, size_bytes: model.sizeBytes },
    ...{ bits_per_weight: model.bitsPerWeight, memory_bytes: model.memoryBytes ?? null, load_ms: model.loadMs },
    rates: points.map(({ tokens, prefill, decode }) => ({ context: tokens, prefill, decode })),
    joules: model.joules ?? null,
    ...{ perplexity: quality?.perplexity ?? null, bits_per_byte: quality?.bitsPerByte ?? null },
    ...{ rise: quality?.rise ?? null, divergence: quality?.divergence ?? null, agreement: quality?.agreement ?? null },
    ...{ presets: model.presets ?? null, notes: model.notes },
  };
}
