import description from '../package.json' with { type: 'json' };

/** Put there by the bundler. */
declare const FAIRLEAD_VERSION: string | undefined;

/** Of this program: what it was built as; run from its sources, what they say. */
export const VERSION: string = typeof FAIRLEAD_VERSION === 'string' ? FAIRLEAD_VERSION : description.version;
