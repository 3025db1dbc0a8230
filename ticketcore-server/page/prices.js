// What places cost, by the event's table.

export class Prices {
  constructor(event) {
    this.event = event;
    this.byCategory = new Map(event.categories.map(({ name, prices }) => [name, new Map(prices.map((each) => [each.ticketType, each.price]))]));
  }

  /** The price of a ticket type in a category, or `undefined`: it is not sold there. */
  of(category, ticketType) {
    return this.byCategory.get(category)?.get(ticketType);
  }

  /** Ticket types that are sold in a category. */
  types(category) {
    return this.event.ticketTypes.filter((type) => this.of(category, type) !== undefined);
  }

  /** The dearest ticket type of a category is the usual one: `{ticketType, price}`, or `undefined`. */
  usual(category) {
    const sold = this.types(category).map((ticketType) => ({ ticketType, price: this.of(category, ticketType) }));
    return sold.reduce((best, each) => (best && best.price.amount >= each.price.amount ? best : each), undefined);
  }

  sum(prices) {
    return { amount: prices.reduce((sum, price) => sum + (price?.amount ?? 0), 0), currency: this.event.currency };
  }
}
