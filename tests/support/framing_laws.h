/* SPDX-License-Identifier: Apache-2.0 */
/* framing_laws - what must hold for every framing, told by its worked examples
 *
 * An example is a frame and what the bench says when it has come; most frames are what encode makes
 * of the packet, too. Each law fails the test that calls it. Random octets come from a fixed seed.
 */
#ifndef TESTS_SUPPORT_FRAMING_LAWS_H
#define TESTS_SUPPORT_FRAMING_LAWS_H

#include "tests/support/framing_bench.h"

struct framing_example {
    const char *wire;
    const char *said;
};

struct framing_law {
    struct framing_options options;
    const struct framing_example *examples;
    int count;
    struct framing_example ping; /* any frame with a packet; follows every mishap */
    bool weak;                   /* no checksum: a damaged frame may pass as another packet */
};

/* Each example decodes to what it says, and what it says encodes to the example. */
void law_both_ways(const struct framing_law *law);

/* What is wrong with a frame moves this counter and, but for skipped octets, no other. frames_in:
 * nothing is wrong. The ping is heard behind it. */
struct framing_odd {
    const char *wire, *said;
    size_t counter;
};
#define COUNTER(name) offsetof(struct framing_counters, name)
void odd_frame_is_counted(const struct framing_law *law, const struct framing_odd *odd);

/* Any prefix of any example, then a second of silence, then the ping: the ping is heard. */
void law_prefix_then_silence(const struct framing_law *law);
/* One octet at a time and all at once: the same. */
void law_any_pieces(const struct framing_law *law);
/* One flipped bit at any place: never another packet, and the ping is heard after a silence. */
void law_flipped_bit(const struct framing_law *law);
/* One octet in a thousand flipped, lost or inserted: never another packet, most arrive. */
void law_noise(const struct framing_law *law);
/* Random octets, FRAMING_RANDOM_MB (4) of them: then the ping is heard. */
void law_random_octets(const struct framing_law *law);

#endif
