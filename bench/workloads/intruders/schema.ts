const COUNTRIES =
  "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK UA US CA MX BR AR CL JP KR CN IN AU NZ".split(
    " ",
  );
const CURRENCIES = "EUR USD GBP CHF SEK NOK DKK PLN CZK HUF RON BGN ISK JPY CNY INR AUD NZD CAD MXN BRL".split(" ");

/**
 * About 14 KB of JSON schema of the kind that programs generate from their own types: an order with its customer, addresses, lines,
 * payments and shipments, whose fields are optional, bounded, and of formats and patterns. Another number makes another schema with the same work in it.
 */
export function realLifeSchema(number: number): object {
  return {
    title: `Order ${number}`,
    ...record({
      ...{ id: UUID, number: text(`^ORD-[0-9]{4}-[0-9]{${6 + (number % 3)}}$`), createdAt: MOMENT, updatedAt: MOMENT },
      status: { enum: ["draft", "placed", "paid", "packed", "shipped", "delivered", "returned", "cancelled"] },
      customer: party(),
      ...{ billingAddress: address(), shippingAddress: address(), invoiceAddress: address(), pickupAddress: address() },
      lines: list(line(), 50),
      payments: list(payment(), 10),
      shipments: list(shipment(), 10),
      history: list(event(), 100),
      contacts: list(party(), 5),
      returns: list(record({ ...audit(), line: line(), reason: words(400), refund: money() }, 3), 20),
    }),
  };
}

const UUID = { type: "string", format: "uuid" };
const MOMENT = { type: "string", format: "date-time" };
const DAY = { type: "string", format: "date" };

function record(properties: Readonly<Record<string, object>>, required = 4): object {
  return {
    type: "object",
    properties,
    required: Object.keys(properties).slice(0, required),
    additionalProperties: false,
  };
}

function list(items: object, maxItems: number): object {
  return { type: "array", minItems: 0, maxItems, items };
}

function text(pattern: string): object {
  return { type: "string", pattern };
}

function words(maxLength: number): object {
  return { type: "string", minLength: 1, maxLength };
}

function money(): object {
  return record({ amount: { type: "integer", minimum: 0, maximum: 99_999_999 }, currency: { enum: CURRENCIES } }, 2);
}

function audit(): Readonly<Record<string, object>> {
  return { id: UUID, createdAt: MOMENT, createdBy: UUID, note: words(500) };
}

function party(): object {
  return record({
    ...audit(),
    ...{ firstName: words(80), lastName: words(80), company: words(120), email: { type: "string", format: "email" } },
    ...{ phone: text("^\\+[1-9][0-9]{6,14}$"), website: words(300), birthday: DAY },
    ...{
      taxNumber: text("^[A-Z]{2}[0-9A-Z]{8,12}$"),
      language: text("^[a-z]{2}(-[A-Z]{2})?$"),
      vip: { type: "boolean" },
    },
  });
}

function address(): object {
  return record({
    ...{ street: words(120), house: text("^[0-9]{1,5}[a-z]?$"), city: words(80), postcode: text("^[0-9A-Z -]{3,10}$") },
    ...{ region: words(80), country: { enum: COUNTRIES } },
    latitude: { type: "number" },
    longitude: { type: "number" },
  });
}

function line(): object {
  return record({
    ...audit(),
    ...{ sku: text("^[A-Z0-9]{3,8}-[A-Z0-9]{2,6}(-[0-9]{1,4})?$"), name: words(200), description: words(2000) },
    ...{ quantity: { type: "integer", minimum: 1, maximum: 10_000 }, price: money(), discount: money(), tax: money() },
    attributes: list(
      record({ name: words(60), value: { anyOf: [words(200), { type: "number" }, { type: "boolean" }] } }, 2),
      30,
    ),
  });
}

function payment(): object {
  return record({
    ...audit(),
    ...{ method: { enum: ["card", "transfer", "invoice", "wallet", "cash"] }, sum: money(), paidAt: MOMENT },
    ...{ iban: text("^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"), bic: text("^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$") },
  });
}

function shipment(): object {
  return record({
    ...audit(),
    ...{
      carrier: words(60),
      tracking: text("^[0-9A-Z]{8,34}$"),
      link: words(300),
      sentAt: MOMENT,
    },
    ...{ expectedOn: DAY, weightGrams: { type: "integer", minimum: 1, maximum: 1_000_000 }, to: address() },
  });
}

function event(): object {
  return record({
    ...{ at: MOMENT, by: { type: "string", format: "email" }, from: { type: "string", format: "ipv4" } },
    what: { anyOf: [record({ status: words(20) }, 1), record({ note: words(500) }, 1), record({ paid: money() }, 1)] },
  });
}
