import { Allergen } from "#gen/muster/orders/v1/allergen_pb";
import { ItemChangeKind } from "#gen/muster/orders/v1/order_pb";
import { DiningOption } from "#gen/muster/orders/v1/station_pb";

const ALLERGENS: Record<Allergen, string> = {
  [Allergen.UNSPECIFIED]: "ALLERGY",
  [Allergen.GLUTEN]: "GLUTEN",
  [Allergen.CRUSTACEANS]: "SHELLFISH",
  [Allergen.EGGS]: "EGG",
  [Allergen.FISH]: "FISH",
  [Allergen.PEANUTS]: "PEANUT",
  [Allergen.SOYBEANS]: "SOY",
  [Allergen.MILK]: "MILK",
  [Allergen.TREE_NUTS]: "TREE NUT",
  [Allergen.CELERY]: "CELERY",
  [Allergen.MUSTARD]: "MUSTARD",
  [Allergen.SESAME]: "SESAME",
  [Allergen.SULPHITES]: "SULPHITE",
  [Allergen.LUPIN]: "LUPIN",
  [Allergen.MOLLUSCS]: "MOLLUSC",
};

const DINING: Record<DiningOption, string> = {
  [DiningOption.UNSPECIFIED]: "Order",
  [DiningOption.DINE_IN]: "Dine in",
  [DiningOption.TAKEOUT]: "Takeout",
  [DiningOption.DELIVERY]: "Delivery",
  [DiningOption.CURBSIDE]: "Curbside",
  [DiningOption.DRIVE_THRU]: "Drive-thru",
  [DiningOption.CATERING]: "Catering",
};

const CHANGES: Record<ItemChangeKind, string> = {
  [ItemChangeKind.UNSPECIFIED]: "",
  [ItemChangeKind.ADDED]: "ADDED",
  [ItemChangeKind.CHANGED]: "CHANGED",
  [ItemChangeKind.VOIDED]: "VOID",
  [ItemChangeKind.MOVED]: "MOVED",
};

/** A value that this build does not know yet still gets a word: a newer server must not blank a ticket. */
export const allergenWord = (value: Allergen): string => ALLERGENS[value] ?? "ALLERGY";
export const diningWord = (value: DiningOption): string => DINING[value] ?? "Order";
export const changeWord = (value: ItemChangeKind): string => CHANGES[value] ?? "CHANGED";

export const DINING_OPTIONS: readonly DiningOption[] = [
  DiningOption.DINE_IN,
  DiningOption.TAKEOUT,
  DiningOption.DELIVERY,
  DiningOption.CURBSIDE,
  DiningOption.DRIVE_THRU,
  DiningOption.CATERING,
];
