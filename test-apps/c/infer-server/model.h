/*
 * A model behind ONNX Runtime, and what a connection asks it: one request at a time, by one plain call
 * that returns with the scores. Nothing here knows of Interlude.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Most scores of an answer, and most numbers of a request. */
enum { MOST_SCORES = 384, MOST_NUMBERS = 4096 };
/* silero-vad: samples of a request, those of the one before that go with them, and the network's state. */
enum { CHUNK = 512, CONTEXT = 64, MEMORY = 2 * 128 };

enum kind {
	PLAIN,	/* one input, float [1, n]; the scores are its first output, as it is */
	SILERO, /* silero-vad: 512 samples of 16 kHz, floats; the score: is it speech? */
	MINILM, /* token numbers, int64; the scores: the sentence's embedding, of length 1 */
};

/* What a model keeps of a connection between its requests. */
struct memory {
	float context[CONTEXT];
	float state[MEMORY];
};

/* Names that --kind takes, for a usage text. */
extern const char KINDS[];

/* 0, or -1 for a name that is none. */
int kind_of(const char *name, enum kind *kind);

/* Loads a model, with so many threads inside of a run. Says why and ends the program where it cannot. */
void model_load(enum kind kind, const char *path, int threads);

/*
 * Numbers as a request's body has them for the model, where there is room for MOST_NUMBERS. Returns how many
 * bytes that is, or 0 if one of them is none that the model can be given.
 */
size_t model_body(const double *numbers, int count, void *body);

/*
 * Runs the model on a request's body. Returns how many scores there are, or -1 with a word on why: the
 * body is not for this model (*ours is 0), or the runtime failed (*ours is 1).
 */
int model_run(const void *body, size_t bytes, struct memory *memory, float *scores, const char **why,
	      int *ours);

#endif
