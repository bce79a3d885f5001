export * as pb from '#gen';
