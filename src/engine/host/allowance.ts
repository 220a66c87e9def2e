import type { Clock } from "../../clock.ts";

/** What may be spent little by little. */
type Allowance = {
  /** Takes `cost` off, where there is as much. */
  spend(cost: number): boolean;
};

type AllowanceOptions = {
  readonly clock: Pick<Clock, "now">;
  /** What comes back in a second. */
  readonly perSecond: number;
  /** The most there is at a time. */
  readonly most: number;
};

/** All of it is there at the beginning. */
export function createAllowance({ clock, perSecond, most }: AllowanceOptions): Allowance {
  let left = most;
  let at = clock.now();
  return {
    spend(cost) {
      const now = clock.now();
      left = Math.min(most, left + ((now - at) / 1000) * perSecond);
      at = now;
      if (cost > left) return false;
      left -= cost;
      return true;
    },
  };
}
