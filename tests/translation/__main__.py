"""`make messages`: update and compile all catalogs, or start that of LANGUAGE."""

import sys

from tests.translation import catalogs


def main(languages: list[str]) -> None:
    for language in languages or catalogs.list_languages():
        catalog = catalogs.merge(language, catalogs.read_translations(catalogs.get_path(language)))
        catalogs.write_catalog(catalog, language)
        missing = sum(1 for message in catalog if message.id and not all(message.string or ("",)))
        print(f"{language}: {len(catalog)} texts, {missing} not translated")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
