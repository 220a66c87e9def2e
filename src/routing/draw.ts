import { hash } from "node:crypto";
import { createRing, type Ring } from "./ring.ts";

/** A target, as far as its place is concerned. */
type Drawn = { readonly model: string; readonly weight?: number | undefined };

/** How busy a target is, by its index in the route; infinite if it can't answer now. */
export type Busy = (index: number) => number;

/** More neighbours with weights than this are on a ring: to order them all would take too long for each request. */
const MANY = 32;
/** So many of them may be asked by one session. Its prefix is in one of the first; the others are for failures. */
const WALK = 8;
/** A session goes on to the next of these if one has this many times as much in hand as the least busy, and some more. */
const BUSIER = 1.25;
const BUSIER_BY = 1;

type Group = { readonly start: number; readonly end: number; readonly isWeighted: boolean; ring?: Ring };

const groups = new WeakMap<readonly Drawn[], readonly Group[]>();

/** Neighbours with weights share a place, and those without have their own. The same for as long as the route is. */
function groupsOf(targets: readonly Drawn[]): readonly Group[] {
  const known = groups.get(targets);
  if (known !== undefined) return known;
  const made: Group[] = [];
  for (const [index, { weight }] of targets.entries()) {
    const isWeighted = weight !== undefined;
    const last = made.at(-1);
    if (isWeighted && last?.isWeighted === true) made[made.length - 1] = { ...last, end: index + 1 };
    else made.push({ start: index, end: index + 1, isWeighted });
  }
  groups.set(targets, made);
  return made;
}

/**
 * The indices of targets for each place of a route, in the order in which a session asks them. Places keep their order; those who share one are
 * drawn by weight. Of more than 32 at a place only eight are drawn, in a time that grows with the logarithm of their number.
 */
export function drawTargets(
  { name, targets }: { readonly name: string; readonly targets: readonly Drawn[] },
  session: string,
  busy: Busy,
): readonly (readonly number[])[] {
  return groupsOf(targets).map((group) => {
    const { start, end } = group;
    if (end - start === 1) return [start];
    return end - start > MANY ? drawOfMany(targets, group, session, busy) : drawOfFew(name, targets, group, session);
  });
}

/** All of them, by weighted rendezvous hashing. */
function drawOfFew(
  route: string,
  targets: readonly Drawn[],
  { start, end }: Group,
  session: string,
): readonly number[] {
  const scored = targets.slice(start, end).map(({ model, weight = 0 }, at) => {
    return { index: start + at, score: scoreOf(weight, `${route}\n${model}\n${session}`) };
  });
  return scored.sort((one, other) => other.score - one.score).map(({ index }) => index);
}

/**
 * The first eight on a ring. The first of them that has not much more in hand than the least busy comes first, so a session stays at one target
 * unless that has too much, and no target gets much more than others: consistent hashing with bounded loads, among the session's own eight.
 * https://arxiv.org/abs/1608.01350
 */
function drawOfMany(targets: readonly Drawn[], group: Group, session: string, busy: Busy): readonly number[] {
  const { start, end } = group;
  group.ring ??= createRing(
    targets.slice(start, end).map(({ model, weight = 0 }) => ({ name: model.toLowerCase(), weight })),
  );
  const walk = group.ring.walk(session, WALK).map((index) => start + index);
  const loads = walk.map(busy);
  const bound = BUSIER * Math.min(...loads) + BUSIER_BY;
  const at = loads.findIndex((load) => load <= bound);
  const first = walk[at];
  return at <= 0 || first === undefined ? walk : [first, ...walk.slice(0, at), ...walk.slice(at + 1)];
}

/**
 * Weighted rendezvous hashing: the highest score wins with a probability in proportion to its weight, and a target that comes or goes
 * moves only its own sessions. https://www.snia.org/sites/default/files/SDC15_presentations/dist_sys/Jason_Resch_New_Consistent_Hashings_Rev.pdf
 */
function scoreOf(weight: number, text: string): number {
  const bits = Number.parseInt(hash("sha1", text, "hex").slice(0, 12), 16);
  // From 0 to 1, both excluded.
  const uniform = (bits + 1) / (2 ** 48 + 2);
  return weight === 0 ? Number.NEGATIVE_INFINITY : -weight / Math.log(uniform);
}
