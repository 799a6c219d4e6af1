"""Whom to believe about who answers: the machine's authorities, or those of one file."""

import ssl

from bot.domain.errors import BadInput


def trusting(ca_file: str, system: str) -> ssl.SSLContext:
    """Trust only the authorities in a PEM file. Raises BadInput when it holds none, or can't be read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=ca_file)
    except FileNotFoundError:
        raise _unusable(ca_file, system, "is not there") from None
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError: what is in it is no certificate
        why = error.strerror if not isinstance(error, ssl.SSLError) and isinstance(error, OSError) else None
        raise _unusable(ca_file, system, f"can't be read: {why or 'it holds no certificate'}") from None
    return context


def _unusable(ca_file: str, system: str, why: str) -> BadInput:
    return BadInput(
        f"The file of certificate authorities {ca_file} {why}.",
        not_done=f"{system} was not connected.",
        next_step=f"Name a readable PEM file in integrations.{system}.ca_file of the configuration.",
    )
