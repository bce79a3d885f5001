/**
 * For tests: `FAIRLEAD_FAILPOINT=NAME` or `NAME:3` makes a process `die` where it comes to the place of that name, for the
 * first or third time. Returns what is called at each place. Throws when there is no such place.
 */
export function failpoint<Name extends string>(
  text: string | undefined,
  names: readonly Name[],
  die: () => void,
): (reached: Name) => void {
  if (text === undefined || text === '') return () => undefined;
  const [name, count = '1'] = text.split(':');
  if (!names.some((each) => each === name) || !/^[1-9]\d{0,5}$/.test(count)) {
    throw new Error(
      `FAIRLEAD_FAILPOINT=${text} is no failpoint: unset it, or use ${names.join(', ')}, with :3 for the third time`,
    );
  }
  let left = Number(count);
  return (reached) => {
    if (reached !== name) return;
    left -= 1;
    if (left === 0) die();
  };
}
