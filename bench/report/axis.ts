export interface Axis {
  readonly logarithmic: boolean;
  readonly ticks: readonly number[];
  /** Where on the page a value is. */
  readonly place: (value: number) => number;
}

/** Logarithmic when the values reach over more than a factor of 20, as they do where a baseline is far off. */
export function axisOf(values: readonly number[], page: { readonly from: number; readonly to: number }): Axis {
  const most = Math.max(...values);
  const positive = values.filter((value) => value > 0);
  const least = Math.min(...positive);
  if (positive.length > 0 && most / least > 20) return logarithmic(Math.max(least, most / 1e5), most, page);
  return linear(Math.min(0, ...values), most > 0 ? most : 1, page);
}

function logarithmic(least: number, most: number, page: { from: number; to: number }): Axis {
  const first = Math.floor(Math.log10(least));
  const last = Math.ceil(Math.log10(most));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => Number((10 ** (first + index)).toPrecision(1)));
  const share = (value: number) => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first);
  return { logarithmic: true, ticks, place: (value) => page.from + share(value) * (page.to - page.from) };
}

function linear(least: number, most: number, page: { from: number; to: number }): Axis {
  const rough = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const count = Math.ceil((most - least) / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((least + index * step).toPrecision(6)));
  const end = ticks.at(-1)!;
  const share = (value: number) => (value - least) / (end - least);
  return { logarithmic: false, ticks, place: (value) => page.from + share(value) * (page.to - page.from) };
}
