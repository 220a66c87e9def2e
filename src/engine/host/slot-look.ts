import { OWN_TERMS, sharerOf } from "../../generation/terms.ts";
import type { SlotView } from "../../generation/view.ts";
import type { HostMessage, SlotReport } from "../contract/messages.ts";
import type { Sequence } from "./sequence-table.ts";

/** Asks the worker what its slots hold. It answers between two native calls, and is asked once at a time. */
export type SlotLook = {
  /** Empty without a worker, and if the worker ends meanwhile. */
  readonly ask: () => Promise<readonly SlotView[]>;
  readonly workerReady: (send: (message: HostMessage) => void) => void;
  readonly workerLost: () => void;
  readonly handle: (slots: readonly SlotReport[]) => void;
};

/** @param find the sequence of a submission, unless it has left */
export function createSlotLook(find: (submission: number) => Sequence | undefined): SlotLook {
  let send: ((message: HostMessage) => void) | undefined;
  let asked: PromiseWithResolvers<readonly SlotView[]> | undefined;

  function settle(slots: readonly SlotView[]): void {
    asked?.resolve(slots);
    asked = undefined;
  }

  function view({ heldTokens, sequence }: SlotReport, index: number): SlotView {
    const found = sequence && find(sequence.id);
    if (sequence === undefined || found === undefined) return { index, heldTokens };
    const { choice, owner } = found;
    const { id: requestId, terms = OWN_TERMS } = owner.request;
    const { id, ...numbers } = sequence;
    return {
      ...{ index, heldTokens },
      sequence: {
        ...{ requestId, tenant: sharerOf(terms), priority: terms.priority, choice },
        ...{ ...numbers, prefilledTokens: Math.min(heldTokens, numbers.promptTokens) },
      },
    };
  }

  return {
    ask() {
      if (send === undefined) return Promise.resolve([]);
      if (asked === undefined) {
        asked = Promise.withResolvers();
        send({ type: "look" });
      }
      return asked.promise;
    },
    workerReady(sendToWorker) {
      send = sendToWorker;
    },
    workerLost() {
      send = undefined;
      settle([]);
    },
    handle: (slots) => settle(slots.map(view)),
  };
}
