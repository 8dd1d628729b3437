/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over kept inputs, without libFuzzer: replay_NAME FILE-OR-FOLDER... */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

/* The copy is exactly as long as the input, so that the address sanitizer sees its end. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    int replayed = 0;

    if (file && fstat(fileno(file), &about) == 0) {
        size_t size = (size_t)about.st_size;
        uint8_t *data = malloc(size > 0 ? size : 1);
        if (data && fread(data, 1, size, file) == size) {
            LLVMFuzzerTestOneInput(data, size);
            replayed = 1;
        }
        free(data);
    }
    if (file)
        fclose(file);
    if (!replayed)
        perror(path);
    return replayed;
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of the names, so that a failure comes at the same place again. */
static int replay_folder(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_file, alphasort), replayed = 0;
    char path[4096];

    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        replayed += replay_file(path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return replayed;
}

int main(int argc, char **argv)
{
    int replayed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode))
            replayed += replay_folder(argv[i]);
        else
            replayed += replay_file(argv[i]);
    }
    printf("%d inputs replayed\n", replayed);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* no corpus is no test */
}
