// Each verb throws an exception that carries the text, makes the heavy call somewhere on the way, and
// answers with what was caught in the end. That is the text, unless exceptions of several requests
// got mixed up. `astray`: the language's own account (std::current_exception,
// std::uncaught_exceptions) was not as a thread without coroutines finds it. `failed`: the call.
//
//   try      the call, then a throw, past frames that were put aside meanwhile
//   hold     the call in a catch handler
//   again    the call in a catch handler, then `throw;`
//   keep     the call between std::current_exception and std::rethrow_exception
//   undo     the call in a destructor, while an exception is under way
//   nest     the call while two exceptions are handled, of different types; then each is rethrown
//   deep     the call in a destructor in a catch handler in a destructor
//   past     a throw from within a call of libcrypto's, which a callback makes; no heavy call
//   look     no exception and no call

#include "handlers.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace {

struct Told : std::exception {
	std::string text;
	explicit Told(std::string what) : text(std::move(what)) {}
	const char *what() const noexcept override { return text.c_str(); }
};

struct Other {
	std::string text;
};

struct Request {
	const char *text;
	void *place;
};

// What is being handled where the loop runs: nothing, or one of ours.
const char *outermost = nullptr;

// The text of the exception that is being handled; empty where there is none.
std::string current()
{
	try {
		if (std::exception_ptr now = std::current_exception())
			std::rethrow_exception(now);
		return "";
	} catch (const Told &told) {
		return told.text;
	} catch (const Other &other) {
		return other.text;
	}
}

[[noreturn]] void astray()
{
	throw std::string("astray");
}

// `under_way` exceptions were thrown and not caught yet, and `handled` was caught last.
void expect(int under_way, const std::string &handled)
{
	if (std::uncaught_exceptions() != under_way || current() != handled)
		astray();
}

void heavy_call(const Request &request)
{
	if (!work(request.place, request.text))
		throw std::string("failed");
}

std::string outside()
{
	return outermost ? outermost : "";
}

std::string do_try(const Request &request)
{
	try {
		heavy_call(request);
		expect(0, outside());
		throw Told(request.text);
	} catch (const Told &told) {
		return told.text;
	}
}

std::string do_hold(const Request &request)
{
	try {
		throw Told(request.text);
	} catch (const Told &told) {
		heavy_call(request);
		expect(0, request.text);
		return told.text;
	}
}

std::string do_again(const Request &request)
{
	try {
		try {
			throw Told(request.text);
		} catch (...) {
			heavy_call(request);
			throw;
		}
	} catch (const Told &told) {
		expect(0, request.text);
		return told.text;
	}
}

std::string do_keep(const Request &request)
{
	std::exception_ptr kept;
	try {
		throw Other{request.text};
	} catch (...) {
		kept = std::current_exception();
		heavy_call(request);
		if (kept != std::current_exception())
			astray();
	}
	try {
		std::rethrow_exception(kept);
	} catch (const Other &other) {
		return other.text;
	}
}

// Makes the call while an exception passes by. What a destructor may not throw, it notes.
struct Undo {
	const Request &request;
	int under_way;
	bool &well;
	~Undo()
	{
		well = std::uncaught_exceptions() == under_way && work(request.place, request.text) &&
		       std::uncaught_exceptions() == under_way;
	}
};

std::string do_undo(const Request &request)
{
	bool well = false;
	try {
		Undo undo{request, 1, well};
		throw Told(request.text);
	} catch (const Told &told) {
		expect(0, request.text);
		return well ? told.text : "astray";
	}
}

std::string do_nest(const Request &request)
{
	const std::string inner = "in " + std::string(request.text);
	try {
		try {
			throw Told(request.text);
		} catch (const Told &) {
			try {
				try {
					throw Other{inner};
				} catch (...) {
					heavy_call(request);
					expect(0, inner);
					throw;
				}
			} catch (const Other &other) {
				if (other.text != inner)
					astray();
			}
			expect(0, request.text);
			throw;
		}
	} catch (const Told &told) {
		return told.text;
	}
}

// Handles an exception of its own while another one passes by.
struct UndoDeeply {
	const Request &request;
	bool &well;
	~UndoDeeply()
	{
		bool inner = false;
		try {
			// The one that passes by, and its own.
			Undo undo{request, 2, inner};
			throw Other{"in " + std::string(request.text)};
		} catch (const Other &other) {
			well = inner && other.text == "in " + std::string(request.text) &&
			       std::uncaught_exceptions() == 1 && work(request.place, request.text) &&
			       std::uncaught_exceptions() == 1 && current() == other.text;
		}
	}
};

std::string do_deep(const Request &request)
{
	bool well = false;
	try {
		UndoDeeply undo{request, well};
		throw Told(request.text);
	} catch (const Told &told) {
		expect(0, request.text);
		return well ? told.text : "astray";
	}
}

// libcrypto has cleaned up nothing when it is left in this way; its key is small.
std::string do_past(const Request &request)
{
	EVP_PKEY *key = nullptr;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr);
	if (!context || EVP_PKEY_keygen_init(context) != 1 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(context, 512) != 1)
		throw std::string("failed");
	EVP_PKEY_CTX_set_app_data(context, const_cast<char *>(request.text));
	EVP_PKEY_CTX_set_cb(context, [](EVP_PKEY_CTX *made) -> int {
		throw Told(static_cast<const char *>(EVP_PKEY_CTX_get_app_data(made)));
	});
	try {
		EVP_PKEY_keygen(context, &key);
		return "unthrown";
	} catch (const Told &told) {
		return told.text;
	}
}

std::string do_look(const Request &request)
{
	return request.text;
}

const struct {
	const char *verb;
	std::string (*does)(const Request &);
} verbs[] = {
	{"try", do_try}, {"hold", do_hold}, {"again", do_again}, {"keep", do_keep},
	{"undo", do_undo}, {"nest", do_nest}, {"deep", do_deep}, {"past", do_past}, {"look", do_look},
};

std::string answer_to(const char *verb, const Request &request)
{
	try {
		expect(0, outside());
		for (const auto &known : verbs)
			if (std::strcmp(known.verb, verb) == 0) {
				std::string answer = known.does(request);
				expect(0, outside());
				return answer;
			}
		return "unknown";
	} catch (const std::string &why) {
		return why;
	} catch (...) {
		// Of another request.
		return "foreign";
	}
}

} // namespace

void handle(const char *verb, const char *text, void *place, char *answer, size_t size)
{
	std::snprintf(answer, size, "%s", answer_to(verb, {text, place}).c_str());
}

int within_catch(int (*loop)(void))
{
	outermost = "outermost";
	try {
		throw Told(outermost);
	} catch (const Told &told) {
		int result = loop();
		expect(0, told.text);
		return result;
	}
}
