"""Read the arguments of mail commands, show objects of Microsoft Graph, and change many emails in batches."""

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import demistomock as demisto

if __name__.endswith('ApiModule'):  # in a built pack these names are already in the same file
    from CommonServerPython import CommandResults, DemistoException, argToList, pascalToSpace, tableToMarkdown
    from MicrosoftCoreApiModule import JsonObject, clean_value
    from MicrosoftApiModule import CommandThrottled, reschedule
    from MicrosoftInstanceApiModule import (
        Arguments,
        CommandFunction,
        DURATION,
        bool_argument,
        choice_argument,
        future_datetime,
        id_list,
        id_of,
        int_argument,
        json_argument,
        parse_datetime,
        plain_date,
        read_datetime,
        required_argument,
        text_argument,
        text_of,
    )
    from MicrosoftGraphClientApiModule import (
        BatchRequest,
        BatchResult,
        CHECK_ID,
        CHECK_PERMISSION,
        GraphClient,
        GraphError,
        GraphThrottled,
        graph_id,
        is_folder_id,
    )
    from MicrosoftGraphMailClientApiModule import EmailAddress, GraphMailClient, Mailbox

# region arguments

Entry = CommandResults | JsonObject  # a file is a dict
MailCommandResult = CommandResults | JsonObject | list[Entry]
# A command gets the mailbox that its argument user_id names.
MailCommand = Callable[[Mailbox, Arguments], MailCommandResult]
MAX_NESTED_DEPTH = 10


def mailbox_argument(client: GraphMailClient, args: Arguments) -> Mailbox:
    """Return the mailbox that ``user_id`` names, by default that of the client."""
    address = clean_value(args.get('user_id'))
    if '<' in address:
        address = one_address(args, 'user_id')
    return Mailbox(client, address) if address else client.mailbox


_ADDRESS = r'(?:"[^"@]{1,64}"|[^\s@<>(),;:"\[\]\\]{1,64})@[\w-]{1,63}(?:\.[\w-]{1,63}){0,30}'
# <address> after a name, or an address before a name in parentheses.
_SCHEME = '(?:mailto:|smtp:)?'
_RECIPIENT = rf'(?i)([^<>]{{0,256}})<\s*{_SCHEME}({_ADDRESS})\s*>|{_SCHEME}({_ADDRESS})\s*(?:\(([^()]{{0,256}})\))?'
# Of an object, in small letters.
_ADDRESS_KEYS = ('address', 'email', 'mail', 'emailaddress', 'smtpaddress')
_RECIPIENTS = r'((?:"[^"]{0,256}"|<[^<>]{0,512}>|\([^()]{0,256}\)|[^,;\r\n])*)([,;\r\n]|\Z)'


def addresses_argument(args: Arguments, name: str) -> tuple[EmailAddress, ...]:
    """Return the addresses of an argument: separated by commas, semicolons or lines, with names or not, or as in the context.

    Raises:
        DemistoException: it contains something else, such as an object without an address; it names the argument.
    """
    given = args.get(name) or ''
    if isinstance(given, str) and given.lstrip().startswith('{'):
        given = f'[{given}]'
    is_text = isinstance(given, str) and not given.lstrip().startswith('[')
    found: list[EmailAddress] = []
    for recipient in [given] if is_text else argToList(given):
        if isinstance(recipient, dict):
            found += _addresses_in_object(recipient, name)
        else:
            found += _addresses(recipient if isinstance(recipient, str) else json.dumps(recipient), name)
    return tuple(found)


def has_no_address(args: Arguments, name: str) -> bool:
    """Return whether an argument is given, but has no address: an empty list, or separators only."""
    return args.get(name) not in (None, '') and not addresses_argument(args, name)


def _addresses_in_object(recipient: JsonObject, name: str) -> list[EmailAddress]:
    """Return the addresses of an object of a list: as Graph has it, or with similar keys."""
    parts = {str(key).lower(): value for key, value in recipient.items()}
    if isinstance(parts.get('emailaddress'), dict):
        return _addresses_in_object(parts['emailaddress'], name)
    address = next((parts[key] for key in _ADDRESS_KEYS if parts.get(key)), '')
    label = str(parts.get('name') or parts.get('displayname') or '')
    found = [one._replace(name=label or one.name) for one in (_addresses(address, name) if isinstance(address, str) else ())]
    if not found:
        raise _not_an_address(text_of(recipient), name)
    return found


def _addresses(text: str, name: str) -> list[EmailAddress]:
    found: list[EmailAddress] = []
    start = ''  # of a name, which only a comma continues, as in Doe, Jane <jane@contoso.example>
    for given, separator in re.findall(_RECIPIENTS, text):
        part = clean_value(given)
        start += part
        match = re.fullmatch(_RECIPIENT, start)
        if match:
            label, address, bare, comment = match.groups(default='')
            found.append(EmailAddress(address or bare, (label or comment).strip('\'" ')))
            start = ''
        elif '@' in part or (start and separator != ','):
            break
        elif part:
            start += ', '
    if start:
        raise _not_an_address(start.strip(', '), name)
    return found


def _not_an_address(text: str, name: str) -> DemistoException:
    what = f"'{text[:100]}' is not an email address."
    return DemistoException(f'{what} Write {name} as bob@example.com, or Bob <bob@example.com>.')


def one_address(args: Arguments, name: str) -> str:
    """Return the address of an argument, empty if it is not given. Raise DemistoException if it does not have one address."""
    found = addresses_argument(args, name)
    if has_no_address(args, name):
        raise DemistoException(f'The argument {name} is empty. Enter a value for it.')
    if len(found) > 1:
        raise DemistoException(f'The argument {name} has {len(found)} addresses. Enter one.')
    return found[0].address if found else ''


def folder_argument(mailbox: Mailbox, args: Arguments, name: str = 'folder_id') -> str:
    """Return the ID or the well-known name of a folder, empty if the argument is.

    Args:
        name: of the argument: an ID, a well-known name, a path of names, or a path of IDs separated by commas.
    Raises:
        DemistoException: there is no such folder; it names the argument.
    """
    text, cleaned = str(args.get(name) or '').strip(), clean_value(args.get(name))
    if not cleaned:
        return ''
    ids = [graph_id(one) for one in text.split(',')]
    try:
        return ids[-1] if all(map(is_folder_id, ids)) else mailbox.folder_id(text)
    except GraphError:
        raise
    except DemistoException as error:
        if cleaned != text and cleaned in text:  # quotes may be a part of the name, or around it
            return folder_argument(mailbox, {name: cleaned}, name)
        raise DemistoException(f'{error} Change {name}.') from error


def message_argument(mailbox: Mailbox, args: Arguments, name: str = 'message_id', folder_id: str = '') -> str:
    """Return the ID of the message that an argument names by an ID or a ``Message-ID``."""
    required_argument(args, name)
    [found] = mailbox.find_messages([str(args[name])], folder_id).values()
    if isinstance(found, str):
        return found
    delay = mailbox.client.reschedule_delay_after(found)
    raise found if delay is None else GraphThrottled(found, delay)


def messages_argument(
    mailbox: Mailbox, args: Arguments, name: str = 'message_id', folder_id: str = ''
) -> tuple[list[str], list[BatchResult]]:
    """Return the IDs of the messages that an argument names by IDs or ``Message-ID``, and a result for each that is not found."""
    found = mailbox.find_messages(id_list(args, name), folder_id)
    ids = dict.fromkeys(one for one in found.values() if isinstance(one, str))
    errors = {given: one for given, one in found.items() if isinstance(one, GraphError)}
    return list(ids), [BatchResult(BatchRequest(given, 'GET', ''), error=error) for given, error in errors.items()]


def message_in_folder(mailbox: Mailbox, args: Arguments) -> tuple[str, str]:
    """Return the IDs of the message and the folder that the arguments name; that of the folder is empty if they name none."""
    folder_id = folder_argument(mailbox, args)
    return message_argument(mailbox, args, folder_id=folder_id), folder_id


# Arguments that name an object of the mailbox.
_ID_ARGUMENTS = (
    'message_id', 'message_ids', 'inReplyTo', 'reply_to_id', 'forward_id', 'draft_id', 'attachment_id', 'rule_id',
    'folder_id', 'parent_folder_id', 'destination_folder_id',
)  # fmt: skip


def id_advice(args: Arguments) -> str:
    """Return what to do if Graph does not find an object: it names the arguments with an ID."""
    given = [name for name in _ID_ARGUMENTS if args.get(name)]
    if not given:
        return CHECK_ID
    # Outlook may give another ID to a draft that it sends (OfficeDev/office-js#5566)
    sent = ' If the draft was sent, it may have another ID: look in Sent Items.' if 'draft_id' in given else ''
    return f'Check that {_listed(given)} {"belong" if given[1:] else "belongs"} to this mailbox.{sent}'


def _listed(names: Sequence[str]) -> str:
    return ' and '.join(filter(None, (', '.join(names[:-1]), *names[-1:])))


# By what the names of commands contain; the first that fits applies.
_PERMISSIONS = (
    ('respond-to-invitation', ('Mail.Read', 'Calendars.ReadWrite')),
    ('(?:create|update|delete)-rule|block-sender|automatic-replies', ('MailboxSettings.ReadWrite',)),
    ('-rule|get-settings|list-categories', ('MailboxSettings.Read',)),
    ('send-draft', ('Mail.Send',)),
    ('send-mail|reply|forward', ('Mail.ReadWrite', 'Mail.Send')),
    ('(?:update|set|add|remove|flag|move|copy|delete|create)-', ('Mail.ReadWrite',)),
    ('', ('Mail.Read',)),
)


def permissions_of(command: str) -> Sequence[str]:
    """Return the permissions that a command needs in the mailbox of the user or as an application."""
    return next(permissions for pattern, permissions in _PERMISSIONS if re.search(pattern, command))


_MAY_OPEN = ' and that the account may open this mailbox.'
# OfficeDev/office-js#6057
_MAY_NOT_OPEN = (
    '. No delegated permission opens rules and settings of another user: sign in as that user, or use application permissions.'
)


def with_advice(error: GraphError, client: GraphClient, args: Arguments) -> GraphError:
    """Return an error of a command with advice that names what only the command knows: arguments with IDs, permissions."""
    if error.is_unknown_id:
        return error.with_advice(id_advice(args))
    if error.advice != CHECK_PERMISSION or not demisto.command():
        return error
    names: Sequence[str] = permissions_of(demisto.command())
    url = str(error.res.url)
    if url.endswith('/sendMail'):  # without a draft, whatever the command may do otherwise
        names = ('Mail.Send',)
    elif names == ('Mail.Send',) and not url.endswith('/send'):  # the draft is looked up by its Message-ID
        names = ('Mail.Read', 'Mail.Send')
    is_of_settings = names[0].startswith('MailboxSettings')
    if is_of_settings and '/mailFolders' in url and '/messageRules' not in url:  # the folder of a rule is looked up
        names = (*names, 'Mail.Read')
    granted = f'permission {names[0]} is' if len(names) == 1 else f'permissions {_listed(names)} are'
    shared, access = '', _MAY_OPEN
    if client.credential.needs_user or client.credential.is_single_use:  # otherwise an application
        if not is_of_settings:
            shared = ' (with .Shared in the mailbox of another user)'
        elif '/users/' in url:
            access = _MAY_NOT_OPEN
    return error.with_advice(f'Check that the {granted} granted{shared}{access}')


def time_argument(args: Arguments, name: str) -> datetime | None:
    """Return a time of an argument, None if it is empty. Raise DemistoException, naming it, if it is not a time."""
    text = clean_value(args.get(name))
    if not text:
        return None
    # a short number would be seconds since 1970
    moment = None if text.isdecimal() and len(text) < 10 else parse_datetime(text, name)
    if not moment or not 1900 <= moment.year < 9999:
        raise DemistoException(f"'{text[:100]}' is not a time. Write {name} as 2030-01-31T08:00:00Z, or as 3 days ago.")
    return moment


def utc_time(args: Arguments, name: str) -> dict[str, str]:
    """Return a time as ``dateTimeTimeZone`` of Graph. A date without a time is read as its midnight, and may be of today."""
    moment = future_datetime(required_argument(args, name), name, grace=24 * 3600)
    return {'dateTime': f'{moment:%Y-%m-%dT%H:%M:%S}', 'timeZone': 'UTC'}


def local_time(args: Arguments, name: str) -> dict[str, str]:
    """Return a time as `utc_time`, or in the time zone that ``time_zone`` names, if it is written without one."""
    text, time_zone = required_argument(args, name), clean_value(args.get('time_zone'))
    if not time_zone:
        return utc_time(args, name)
    moment, is_duration = read_datetime(text, name), bool(re.fullmatch(DURATION, text))
    # Nobody here knows which day and year it is in a time zone that Windows names.
    depends_on_zone = not (is_duration or re.search(r'\d{4}', text))
    if not moment or depends_on_zone:
        how = f"Write {name} as 2030-01-31T08:00:00, or as 'in 2 hours'."
        problem = 'cannot be combined with time_zone' if moment else 'is not a time'
        raise DemistoException(f"'{text[:100]}' {problem}. {how}")
    if moment.tzinfo or is_duration:
        return utc_time(args, name)
    return {'dateTime': moment.isoformat(timespec='seconds'), 'timeZone': time_zone}


_TIME_OF_DAY = r'(?i)\d:\d|\dT\d|\d\s*[ap]m\b|\b(?:now|hours?|min(?:ute)?s?|sec(?:ond)?s?)\b|\A\s*\d{9,}\s*\Z'


def due_date(args: Arguments, name: str = 'due_date') -> dict[str, str]:
    """Return a time as `utc_time`. A day without a time is its noon: Outlook shows the same day from UTC-12 to UTC+11."""
    due, text = utc_time(args, name), required_argument(args, name)
    return due if re.search(_TIME_OF_DAY, text) else {**due, 'dateTime': f'{due["dateTime"][:10]}T12:00:00'}


_WEEKDAY = r'(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?'
_MONTH = r'(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?'
_DAY, _YEAR = r'\d{1,2}(?:st|nd|rd|th|\.)?', r'(?:,?[\s-]+\d{4})?'
# Without a time of the day, also none such as noon.
_DATE_ALONE = (
    rf'(?i)today|yesterday|tomorrow|{_WEEKDAY}|(?:{_WEEKDAY},?\s+)?(?:\d{{4}}-\d\d-\d\d|'
    rf'{_DAY}[\s-]+(?:of\s+)?{_MONTH}{_YEAR}|{_MONTH}\s+{_DAY}{_YEAR})'
)


def day_argument(args: Arguments, name: str) -> date | None:
    """Return a time as `time_argument`, or the day in UTC if it is written as a date alone."""
    moment = time_argument(args, name)
    return moment.date() if moment and re.fullmatch(_DATE_ALONE, plain_date(clean_value(args.get(name)), name)) else moment


def nested_depth(args: Arguments, name: str = 'nested_depth') -> int:
    """Return how deep attached emails are opened, 0 for not at all."""
    is_empty = clean_value(args.get(name)) in ('', '0')
    return 0 if is_empty else int_argument(args, name, 1, MAX_NESTED_DEPTH)


# Returns the value of the argument with a name. Raises DemistoException, which names it, if it is not valid.
ArgumentReader = Callable[[Arguments, str], Any]
ARGUMENT_READERS: dict[str, ArgumentReader] = {
    **dict.fromkeys(
        ('all_results', 'clear', 'include_hash', 'is_enabled', 'is_read_only', 'permanent', 'send_response'), bool_argument
    ),
    **dict.fromkeys(('actions', 'conditions', 'exceptions'), json_argument),
    **dict.fromkeys(('email_address', 'email_addresses'), addresses_argument),
    **dict.fromkeys(('recipient', 'sender'), one_address),
    **dict.fromkeys(('received_after', 'received_before'), time_argument),
    'received_time': day_argument,
    **dict.fromkeys(('start_time', 'end_time'), local_time),
    'display_name': text_argument,
    'due_date': due_date,
    'nested_depth': nested_depth,
}
# Times, which may be relative to now.
_TIME_ARGUMENTS = ('due_date', 'end_time', 'received_after', 'received_before', 'received_time', 'send_time', 'start_time')
# Texts, for which objects and lists of the context become JSON.
_TEXT_ARGUMENTS = ('body', 'htmlBody', 'comment', 'internal_message', 'external_message')


def _check_arguments(args: Arguments, declared: list[tuple[str, str, str, str]], readers: Mapping[str, ArgumentReader]) -> None:
    """Check arguments, and write them as they are declared.

    Args:
        declared: name, ``*`` if it is required, ``[]`` if it is a list, and choices or a maximum.
        readers: of arguments without choices and maximum, by their names.
    Raises:
        DemistoException: arguments are not valid; it says what is wrong with each. An empty list alone is left to the command,
            which says what to enter.
    """
    problems, empty = [], {}
    for name, is_required, is_list, values in declared:
        try:
            if name in args and not is_list:
                args[name] = _one_value(args[name], name)
            value = args.get(name)
            if is_required and not values and clean_value(value) in ('', '[]'):
                empty[name] = is_list
            elif is_required or value not in (None, ''):
                args[name] = _checked_value(args, name, bool(is_required), values, readers)
        except DemistoException as error:
            problems.append(str(error))
    names = _listed(list(empty))
    if len(empty) > 1:
        problems.insert(0, f'The arguments {names} are empty. Enter a value for each.')
    elif empty and (problems or not all(empty.values())):
        problems.insert(0, f'The argument {names} is empty. Enter a value for it.')
    if problems:
        raise DemistoException(' '.join(problems))


def _one_value(value: Any, name: str) -> Any:
    """Return the value of an argument that is not a list. The platform passes some of them in one."""
    if isinstance(value, list) and len(value) < 2:
        value = value[0] if value else ''
    if name in _TEXT_ARGUMENTS or (name == 'subject' and isinstance(value, dict)):
        return text_of(value)
    if value and name in _ID_ARGUMENTS and not isinstance(value, list):
        return id_of(value, name)
    if isinstance(value, list):
        raise DemistoException(f'The argument {name} has {len(value)} values. Enter one.')
    return value


def _checked_value(args: Arguments, name: str, is_required: bool, values: str, readers: Mapping[str, ArgumentReader]) -> Any:
    """Check an argument, and return a number, a choice or a time so that later runs read the same.

    What is of another type stays as it was given: if the command is rescheduled, it gets its arguments back as texts.
    """
    if values.isdecimal():
        return int_argument(args, name, 1, int(values))
    if values:
        choices = values.split('|')
        return choice_argument(args, name, choices if is_required else ['', *choices])
    if clean_value(args[name]) and name in readers:
        read = readers[name](args, name)
        if name in _TIME_ARGUMENTS:
            return _absolute_time(read, clean_value(args.get('time_zone')))
    return args[name]


def _absolute_time(moment: date | dict[str, str], time_zone: str) -> str:
    """Return a time as text that later runs read as the same time, also if it was given relative to now."""
    if isinstance(moment, date):
        return moment.isoformat()
    return moment['dateTime'] + ('' if moment['timeZone'] == time_zone else 'Z')


def _refuse_unknown(args: Arguments, known: list[str]) -> None:
    """Raise DemistoException for an argument that is not among `known`. It says what to write in its place."""
    for name, value in args.items():
        if name in known or '-' in name or value in (None, ''):  # raw-response is the platform's
            continue
        similar = [one for one in known if _plain(one) == _plain(name)]
        others = ', '.join(one for one in known if not one.startswith(('ran_', 'resume_', 'hide_')))
        advice = f'Use {similar[0]}.' if similar else f'Use one of {others}.' if others else 'Remove it.'
        raise DemistoException(f'The argument {name} does not exist in this command. {advice}')


def _plain(name: str) -> str:
    return name.replace('_', '').lower()


def checked_command(
    function: CommandFunction, declarations: str, readers: Mapping[str, ArgumentReader] = ARGUMENT_READERS
) -> CommandFunction:
    """Return a command that checks its arguments, and refuses those that it does not have. Its errors have the advice of
    `with_advice`.

    Args:
        declarations: of its arguments, separated by spaces: ``name``, ``name*`` if it is required, ``name[]`` if it is a list,
            ``name=x|y`` if it is one of several, ``name=9`` if it is a number from 1 to 9.
        readers: of arguments without choices and maximum, by their names.
    """

    def run(client: GraphMailClient, args: Arguments) -> Any:
        declared = re.findall(r'(\w+)(\*?)((?:\[])?)=?(\S*)', declarations)
        _refuse_unknown(args, [name for name, *_ in declared])
        args = copy.copy(args)
        _check_arguments(args, declared, readers)
        try:
            return function(client, args)
        except CommandThrottled as throttled:
            throttled.arguments = args
            raise
        except GraphError as error:
            better = with_advice(error, client, args)
            if better is error:
                raise
            raise better from error

    return run


# endregion

# region outputs


def object_outputs(value: JsonObject, properties: dict[str, str]) -> JsonObject:
    """Return the context of a message or a folder. Properties that ``$select`` excludes are left out, not emptied."""
    return {name: property_outputs(value[source]) for name, source in properties.items() if source in value}


def property_outputs(value: Any) -> Any:
    """Return the context of a property: the content of a body, name and address of a recipient, name and value of a header."""
    if isinstance(value, list):
        return [property_outputs(one) for one in value]
    if not isinstance(value, dict):
        return value
    if 'content' in value:
        return value['content']
    if 'dateTime' in value:
        return graph_time_text(value)
    if 'value' in value:
        return {'Name': value.get('name'), 'Value': value['value']}
    address = EmailAddress.from_json(value)
    return {'Name': address.name or None, 'Address': address.address or None}


def addresses_text(recipients: Any, with_names: bool = False) -> str:
    """Return the addresses in the context of a recipient, or of a list of them, as one line."""
    texts = []
    for recipient in recipients if isinstance(recipients, list) else [recipients or {}]:
        name, address = recipient.get('Name'), recipient.get('Address')
        is_named = with_names and name and address and name != address
        texts.append(f'{name} <{address}>' if is_named else address or name)
    return ', '.join(filter(None, texts))


def graph_time_text(moment: JsonObject | None) -> str:
    """Return a ``dateTimeTimeZone`` of Graph as 2030-01-31T08:00:00Z, or with its time zone; empty without a time."""
    if not moment or not moment.get('dateTime'):
        return ''
    zone = moment.get('timeZone') or 'UTC'
    return moment['dateTime'][:19] + ('Z' if zone == 'UTC' else f' {zone}')


# Of what only the platform has, %%%{"action": ...}%%% is a button that runs a script, and {{color:white}}(text) hides text.
_ACTIVE = r'(?i)([\\*\[\]<>]|~~|(?<=%)%|(?<=\{)\{|\b_|_\b|&(?=#?\w+;)|(?<=\w):(?=//))|(?<=\bwww)(\.)'
_PAGE = r'https://[\w./:?&=%+~-]+'
_ACTIVE_IN_LINES = r'(?m)^(\d{1,9})(?=[.)])|^(?=[#+=-])|(?=[|`])'


def escape_markdown(value: Any, is_cell: bool = True) -> Any:
    """Return what others wrote, and all texts in it, so that Markdown shows them as they are: no image, link or other element.

    Backslashes show nothing in a table. Errors are also shown as plain text: `outside_text` puts spaces into what they repeat.
    Addresses of web pages are written as in ``https[:]//contoso.example``, which no viewer makes a link of.

    Args:
        is_cell: of a table, in which the platform escapes ``|`` and backticks.
    """
    if isinstance(value, list):
        return [escape_markdown(one, is_cell) for one in value]
    if isinstance(value, dict):
        links = {'WebLink', 'Value' if value.get('Property') == 'Web Link' else ''}  # from Graph, and not from others
        return {
            name: cell if name in links and re.fullmatch(_PAGE, str(cell)) else _escape_cell(cell) for name, cell in value.items()
        }
    if not isinstance(value, str):
        return value

    def escape(found: re.Match[str]) -> str:
        text = found[1] or found[2]
        return f'\\[{text}\\]' if text in (':', '.') else f'\\{text}'

    value = re.sub(_ACTIVE, escape, value)
    if is_cell:
        return value
    return re.sub(_ACTIVE_IN_LINES, r'\1\\', '\n'.join(line.strip() for line in value.splitlines()))


def _escape_cell(value: Any) -> Any:
    """Return the value of a cell. The platform shows objects within it as Python does, which would double each backslash."""
    if isinstance(value, dict):
        return {name: escape_markdown(one_line(one)) for name, one in value.items()}
    return escape_markdown([one_line(one) for one in value] if isinstance(value, list) else value)


def one_line(value: Any) -> Any:
    """Return an object or a list as a text of one line, and anything else as it is."""
    if isinstance(value, list):
        return ', '.join(str(one_line(one)) for one in value)
    if isinstance(value, dict):
        address = EmailAddress.from_json(value).address
        return address or ', '.join(f'{name}: {one_line(one)}' for name, one in value.items())
    return str(value).lower() if isinstance(value, bool) else value


def object_results(
    prefix: str,
    title: str,
    outputs: Any,
    raw: Any,
    headers: list[str] | None = None,
    *,
    key: str | None = 'ID',
    rows: Any = None,
    note: str = '',
    empty: str = '',
) -> CommandResults:
    """Return an entry with a table of `outputs`, or of `rows` if given, and Markdown below it.

    Args:
        empty: what the entry says, with `note`, if `raw` is an empty list.
    """
    if empty and not raw:
        return CommandResults(readable_output=f'{empty}{note}', raw_response=raw)
    readable = tableToMarkdown(title, escape_markdown(outputs if rows is None else rows), headers, pascalToSpace, removeNull=True)
    return CommandResults(
        outputs_prefix=prefix, outputs_key_field=key, outputs=outputs, raw_response=raw, readable_output=f'{readable}{note}'
    )


def notes_text(texts: Iterable[str]) -> str:
    """Return texts, which may contain what others wrote, as lines of Markdown below a table."""
    return ''.join(f'\n{escape_markdown(text, is_cell=False)}' for text in texts)


def property_rows(value: JsonObject, names: Iterable[str] = ()) -> list[JsonObject]:
    """Return an object as rows of a table: property and value, without those that are empty."""
    shown = {name: value.get(name) for name in names or value}
    return [{'Property': pascalToSpace(name), 'Value': one} for name, one in shown.items() if one not in (None, '', [], {})]


# endregion

# region batches

_BATCH_HEADERS = ['Subject', 'Result', 'Reason', 'Folder', 'FlagStatus', 'DueDate', 'Categories', 'SourceID', 'ID']


_UNKNOWN_OUTCOME = 'Unknown'


def _outcome(result: BatchResult) -> str:
    """Return the cell of the table for a result: a change may have been made although the response does not say so."""
    if not result.error:
        return 'Done'
    return _UNKNOWN_OUTCOME if result.error.is_outcome_unclear and result.request.method != 'GET' else 'Failed'


def _error_of_all(rows: list[JsonObject]) -> DemistoException:
    """Return the error of a command that succeeded for no email, from the rows of its table."""
    if len(rows) == 1:
        return DemistoException(rows[0]['Reason'])
    unknown = sum(row['Result'] == _UNKNOWN_OUTCOME for row in rows)
    what = 'The command failed for all emails.'
    if unknown:
        what = f'It is not known whether the command succeeded for {unknown} of the {len(rows)} emails.'
    return DemistoException('\n'.join([what, *(f'{row["ID"]}: {row["Reason"]}' for row in rows)]))


def batch_results(
    mailbox: Mailbox,
    args: Arguments,
    title: str,
    results: Iterable[BatchResult],
    outputs_of: Callable[[BatchResult], JsonObject],
    *,
    prefix: str = 'MSGraphMail',
    ids_name: str = 'message_id',
    shown: JsonObject | None = None,
) -> MailCommandResult:
    """Report what was done to each message, or what failed and why. The platform runs the command again for the messages that are
    throttled for long.

    Args:
        results: those of `messages_argument`, and of the requests for the messages.
        outputs_of: returns the context of a result without an error, except the mailbox, and the ID if it is that of the message.
        ids_name: the argument with the IDs.
        shown: columns about what was done, for the table.
    Raises:
        DemistoException: nothing was done, nor will be.
    """
    delays: dict[str, float] = {}
    outputs, rows, raw = [], [], []
    for result in results:
        message_id, error, reason = result.request.key, result.error, ''
        done = {'ID': message_id}
        if error:
            error = with_advice(error, mailbox.client, args)
            delay = mailbox.client.reschedule_delay_after(error, result.request.is_idempotent)
            if delay is not None and mailbox.client.can_reschedule():
                delays[message_id] = delay
                continue
            reason = str(error)
        else:
            done.update(outputs_of(result))
            outputs.append({**done, 'UserID': mailbox.address})
            done.update(shown or {})
        raw.append({'id': message_id, 'answer': result.body, 'error': reason})
        row = {'Subject': result.body.get('subject'), 'Result': _outcome(result), 'Reason': reason}
        rows.append({**row, **done})
    if not (outputs or delays):
        raise _error_of_all(rows)
    entries: list[Entry] = []
    if rows:
        title = f'{title} ({len(outputs)} of {len(rows)})'
        found_outputs = outputs[0] if outputs and len(rows) == 1 else outputs
        entries.append(object_results(prefix, title, found_outputs, raw, _BATCH_HEADERS, rows=rows))
    if delays:
        rest = {**args, ids_name: json.dumps(list(delays)) if ',' in ''.join(delays) else ','.join(delays)}
        remaining = f'{len(delays)} remaining email{"s" if len(delays) > 1 else ""}'
        entries.append(reschedule(rest, max(delays.values()), f'The command continues with {remaining}'))
    return command_result(entries)


def command_result(entries: list[Entry]) -> MailCommandResult:
    return entries if len(entries) > 1 else entries[0]


# endregion
