import type { ComponentChildren } from "preact";

type InPlaceProps<Item> = {
  readonly items: readonly Item[];
  readonly children: (item: Item, place: number) => ComponentChildren;
};

/** Renders items that are known by their place: they are added and changed, and never moved. Others need keys. */
export function InPlace<Item>({ items, children }: InPlaceProps<Item>) {
  return <>{items.map((item, place) => children(item, place))}</>;
}
