/** What is told of a simulation, in the API's words: for its route, its description and the page. Times are in ms, money is in US dollars. */

import type { Priority } from "../generation/terms.ts";

export type WhatIfPercentiles = { readonly p50_ms: number | null; readonly p95_ms: number | null };

export type WhatIfResult = WhatIfPercentiles & {
  readonly answered: number;
  readonly spilled: number;
  readonly refused: number;
  readonly cost: number | null;
  readonly classes: readonly (WhatIfPercentiles & { readonly class: Priority; readonly requests: number })[];
};

export type WhatIfSetting = {
  readonly slots: number;
  readonly replicas: number;
  readonly max_pending: number;
  readonly max_wait_ms: number;
  readonly traffic: number;
  readonly spill: {
    readonly after_ms: number;
    readonly first_token_ms: number;
    readonly prompt_price: number;
    readonly completion_price: number;
  } | null;
};

export type WhatIf = {
  readonly object: "what_if";
  readonly model: string;
  readonly requests: number;
  readonly span_ms: number;
  readonly pace: {
    readonly prefill_ms_per_token: number;
    readonly step_ms: number;
    readonly further_ms: number;
    readonly overhead_ms: number;
  };
  readonly settings: { readonly today: WhatIfSetting; readonly changed: WhatIfSetting };
  readonly measured: WhatIfResult;
  /** The simulation with today's settings. */
  readonly today: WhatIfResult;
  readonly errors: { readonly p50: number | null; readonly p95: number | null };
  readonly changed: WhatIfResult;
};
