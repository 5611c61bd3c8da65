/*
 * EVP_KDF_derive and EVP_KDF_fetch as libssl calls them for TLS 1.3's key schedule, with its own
 * constant: every label, both hash functions, random inputs; and whatever is unusual or wrong.
 */
#include <link.h>
#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "hook-calls.h"

static const char *const labels[] = {
	"key",		"iv",		"finished",	"derived",     "ext binder",	"res binder",
	"c e traffic",	"e exp master", "c hs traffic", "s hs traffic", "c ap traffic", "s ap traffic",
	"exp master",	"res master",	"resumption",	"traffic upd", "exporter",	"EXPORTER-Channel-Binding",
};

/* A derivation; what is NULL is left out. */
struct derivation {
	const char *digest;
	int mode;
	const unsigned char *key, *salt, *prefix, *data;
	size_t key_size, salt_size, prefix_size, data_size;
	const char *label;
	size_t size;
};

struct search {
	const char *text;
	size_t size;
	const unsigned char *found;
	ElfW(Addr) inside;
};

/* libssl's own text, in the file that has `inside`. */
static int visit(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct search *search = argument;
	int here = 0;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		here |= p->p_type == PT_LOAD && search->inside - info->dlpi_addr - p->p_vaddr < p->p_memsz;
	}
	for (int i = 0; here && !search->found && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			search->found = memmem((void *)(info->dlpi_addr + p->p_vaddr), p->p_filesz, search->text, search->size);
	}
	return here;
}

static const unsigned char *libssls(const char *text, size_t size)
{
	/* No function that is hooked: its address would be the hook's. */
	struct search search = {text, size, NULL, (ElfW(Addr))SSL_CTX_new};
	dl_iterate_phdr(visit, &search);
	return search.found;
}

static size_t write_parameters(const struct derivation *d, OSSL_PARAM *p)
{
	const OSSL_PARAM *start = p;
	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, (int *)&d->mode);
	if (d->digest)
		*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)d->digest, 0);
	if (d->key)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)d->key, d->key_size);
	if (d->salt)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)d->salt, d->salt_size);
	if (d->prefix)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (void *)d->prefix,
							 d->prefix_size);
	if (d->label)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)d->label,
							 strlen(d->label));
	if (d->data)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA, (void *)d->data, d->data_size);
	*p++ = OSSL_PARAM_construct_end();
	return p - start;
}

static void perform(struct transcript *t, const struct derivation *d)
{
	unsigned char out[600];
	OSSL_PARAM parameters[8];
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	EVP_KDF_free(kdf);
	memset(out, 0x5a, sizeof(out));
	write_parameters(d, parameters);
	say(t, "%s mode %d \"%s\" ", d->digest, d->mode, d->label);
	CALL(t, EVP_KDF_derive(context, out, d->size, parameters));
	say_bytes(t, "out", out, sizeof(out));
	say_errors(t);
	EVP_KDF_CTX_free(context);
}

static struct derivation expand(const char *digest, size_t hash, const unsigned char *prefix)
{
	struct derivation d = {.digest = digest, .mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, .size = hash};
	static const unsigned char secret[64] = "a secret of sixty-four bytes, some of them of no concern to us.";
	d.key = secret;
	d.key_size = hash;
	d.prefix = prefix;
	d.prefix_size = 6;
	d.label = "key";
	return d;
}

static void random_bytes(unsigned char *bytes, size_t size, uint64_t *state)
{
	for (size_t i = 0; i < size; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (unsigned char)(*state >> 56);
	}
}

static void usual(struct transcript *t, const char *digest, size_t hash, const unsigned char *prefix)
{
	static const size_t sizes[] = {12, 16, 32, 48};
	unsigned char secret[64], data[64];
	uint64_t state = hash;
	for (size_t i = 0; i < 150; i++) {
		struct derivation d = expand(digest, hash, prefix);
		random_bytes(secret, sizeof(secret), &state);
		random_bytes(data, sizeof(data), &state);
		d.key = secret;
		d.label = labels[i % (sizeof(labels) / sizeof(labels[0]))];
		d.data = i % 3 ? data : NULL;
		d.data_size = i % 7 ? hash : 0;
		d.size = i % 2 ? hash : sizes[i / 2 % 4];
		perform(t, &d);
		/* Early secret, with and without a key of an earlier session; the next ones. */
		d.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
		d.label = "derived";
		d.data = NULL;
		d.size = hash;
		d.key = i % 2 ? secret : NULL;
		d.key_size = i % 4 == 1 ? hash : 1 + i % 64;
		d.salt = i % 3 ? data : NULL;
		d.salt_size = hash;
		perform(t, &d);
	}
}

/* Each of these is the original's to answer, or to refuse. */
static void unusual(struct transcript *t, const unsigned char *prefix)
{
	static const unsigned char own[] = "tls13 ";
	static char long_label[252];
	unsigned char data[300] = {1};
	struct derivation d;
	memset(long_label, 'x', sizeof(long_label) - 1);
#define CHANGED(change)                                                                            \
	d = expand("SHA2-256", 32, prefix);                                                        \
	change;                                                                                    \
	perform(t, &d)
	CHANGED(d.digest = NULL);
	CHANGED(d.digest = "SHA1");
	CHANGED(d.digest = "SHA2-512");
	CHANGED(d.digest = "sha256");
	CHANGED(d.digest = "no such function");
	CHANGED(d.mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND);
	CHANGED(d.mode = 7);
	CHANGED(d.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY; d.size = 31);
	CHANGED(d.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY; d.size = 33);
	CHANGED(d.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY; d.data = data; d.data_size = 32);
	CHANGED(d.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY; d.salt = data; d.salt_size = 300);
	CHANGED(d.key = NULL);
	CHANGED(d.key_size = 0);
	CHANGED(d.key_size = 1);
	CHANGED(d.salt = data; d.salt_size = 32);
	CHANGED(d.prefix = NULL);
	CHANGED(d.prefix = own);
	CHANGED(d.prefix_size = 5);
	CHANGED(d.label = NULL);
	CHANGED(d.label = "");
	CHANGED(d.label = long_label);
	CHANGED(d.label = long_label + 2);
	CHANGED(d.data = data; d.data_size = 256);
	CHANGED(d.data = data; d.data_size = 255);
	CHANGED(d.size = 0);
	CHANGED(d.size = 64);
	CHANGED(d.size = 65);
	CHANGED(d.size = 600);
#undef CHANGED
}

/* A context of the caller's own, used more than once: what it was given before counts. */
static void again(struct transcript *t, const unsigned char *prefix)
{
	static const unsigned char own[] = "tls13 ";
	unsigned char out[32];
	OSSL_PARAM parameters[8], *none = NULL;
	struct derivation d = expand("SHA2-256", 32, own);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	CALL(t, EVP_KDF_derive(context, out, 32, none));
	say_errors(t);
	write_parameters(&d, parameters);
	CALL(t, EVP_KDF_derive(context, out, 32, parameters));
	say_bytes(t, "out", out, 32);
	CALL(t, EVP_KDF_derive(context, out, 32, none));
	say_bytes(t, "once more", out, 32);
	CALL(t, EVP_KDF_derive(context, NULL, 32, parameters));
	say_errors(t);
	CALL(t, EVP_KDF_derive(NULL, out, 32, parameters));
	say_errors(t);
	d.prefix = prefix;
	write_parameters(&d, parameters);
	/* In place. */
	memcpy(out, d.key, 32);
	parameters[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, out, 32);
	CALL(t, EVP_KDF_derive(context, out, 32, parameters));
	say_bytes(t, "in place", out, 32);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

/* A MAC; what is NULL is left out, and `room` is what there is for it. */
static void authenticate(struct transcript *t, const char *name, const char *properties,
			 const char *digest, const OSSL_PARAM *parameters, size_t key_size,
			 const unsigned char *data, size_t data_size, size_t room)
{
	static const unsigned char key[200] = "a key that is longer than a block of any hash function";
	unsigned char out[EVP_MAX_MD_SIZE * 2];
	size_t size = 77;
	memset(out, 0x5a, sizeof(out));
	say(t, "%s %s %zu %zu %zu: ", name, digest ? digest : "none", key_size, data_size, room);
	CALL(t, EVP_Q_mac(NULL, name, properties, digest, parameters, key, key_size, data, data_size, out,
			  room, &size) == out);
	say(t, "size %zu\n", size);
	say_bytes(t, "out", out, sizeof(out));
	say_errors(t);
}

/* EVP_Q_mac as libssl calls it for Finished, and otherwise. */
void finished_macs(struct transcript *t)
{
	static const char *const digests[] = {"SHA2-256", "SHA2-384", "SHA256", "SHA384", "SHA2-512", "SHA1"};
	const char *name = (const char *)libssls("HMAC", 5);
	unsigned char data[300];
	uint64_t state = 5;
	int bits = 256;
	const OSSL_PARAM none[] = {OSSL_PARAM_END};
	const OSSL_PARAM some[] = {OSSL_PARAM_int(OSSL_MAC_PARAM_SIZE, &bits), OSSL_PARAM_END};
	CALL(t, name != NULL);
	for (size_t i = 0; i < 300; i++) {
		random_bytes(data, sizeof(data), &state);
		authenticate(t, name, NULL, digests[i % 6], i % 5 ? none : NULL, i % 7 ? 32 : i % 200, data,
			     i % 3 ? 32 : i, EVP_MAX_MD_SIZE * 2);
	}
	for (size_t i = 0; i < 6; i++)
		authenticate(t, name, NULL, digests[i], none, 32, data, 32, 31 + i);
	authenticate(t, name, NULL, NULL, none, 32, data, 32, 64);
	authenticate(t, name, NULL, "no such function", none, 32, data, 32, 64);
	authenticate(t, name, "provider=default", "SHA2-256", none, 32, data, 32, 64);
	authenticate(t, name, "provider=other", "SHA2-256", none, 32, data, 32, 64);
	authenticate(t, name, NULL, "SHA2-256", some, 32, data, 32, 64);
	authenticate(t, "HMAC", NULL, "SHA2-256", none, 32, data, 32, 64);
	authenticate(t, "KMAC128", NULL, NULL, none, 32, data, 32, 64);
	authenticate(t, "no such method", NULL, "SHA2-256", none, 32, data, 32, 64);
}

static void fetches(struct transcript *t)
{
	static const char *const names[] = {"TLS13-KDF", "tls13-kdf", "HKDF", "no such method", "TLS1-PRF"};
	static const char *const properties[] = {NULL, "", "provider=default", "provider=other"};
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	for (size_t i = 0; i < 5 * 4; i++) {
		EVP_KDF *kdf = EVP_KDF_fetch(NULL, names[i / 4], properties[i % 4]);
		say(t, "%s, %s: %s\n", names[i / 4], properties[i % 4] ? properties[i % 4] : "none",
		    kdf ? EVP_KDF_get0_name(kdf) : "none");
		say_errors(t);
		EVP_KDF_free(kdf);
	}
	EVP_KDF *own = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL), *other = EVP_KDF_fetch(library, "TLS13-KDF", NULL);
	CALL(t, own == other);
	CALL(t, EVP_KDF_is_a(own, "TLS13-KDF"));
	CALL(t, EVP_KDF_is_a(other, "TLS13-KDF"));
	EVP_KDF_free(own);
	EVP_KDF_free(other);
	OSSL_LIB_CTX_free(library);
}

void key_schedule(struct transcript *t)
{
	const unsigned char *prefix = libssls("tls13 ", 7);
	CALL(t, prefix != NULL);
	usual(t, "SHA2-256", 32, prefix);
	usual(t, "SHA2-384", 48, prefix);
	unusual(t, prefix);
	again(t, prefix);
	fetches(t);
}

/* What may change libcrypto's methods; the process is another afterwards. */
void providers(struct transcript *t)
{
	OSSL_PROVIDER *null;
	/* For good; else the first that is loaded takes its place. */
	CALL(t, OSSL_PROVIDER_load(NULL, "default") != NULL);
	null = OSSL_PROVIDER_load(NULL, "null");
	CALL(t, null != NULL);
	CALL(t, OSSL_PROVIDER_unload(null));
	CALL(t, OSSL_PROVIDER_load(NULL, "no such provider") != NULL);
	ERR_clear_error();
	CALL(t, OSSL_PROVIDER_try_load(NULL, "no such provider", 1) != NULL);
	ERR_clear_error();
	CALL(t, EVP_set_default_properties(NULL, "provider!=other"));
	CALL(t, EVP_default_properties_enable_fips(NULL, 0));
	CALL(t, OSSL_LIB_CTX_load_config(NULL, "/no/such/file"));
	ERR_clear_error();
	CALL(t, CONF_modules_load(NULL, NULL, 0));
	ERR_clear_error();
	CALL(t, OSSL_LIB_CTX_set0_default(NULL) != NULL);
	fetches(t);
}
